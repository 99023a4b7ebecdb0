//! `pb.PaymentService`.

use kit::auth::{Caller, Verifier};
use kit::database::traced;
use kit::telemetry;
use proto::pb;
use proto::pb::payment_service_server::PaymentService;
use time::format_description::well_known::Rfc3339;
use tonic::{Request, Response, Status};
use tracing::{Instrument, Span};

use crate::config::PublicUrl;
use crate::domain::{Order, same_basket};
use crate::orders::{self, Orders};
use crate::store::{self, Session, Store};

/// The gRPC side of the service.
pub(crate) struct Grpc {
    pub(crate) store: Store,
    pub(crate) orders: Orders,
    pub(crate) verifier: Verifier,
    pub(crate) public: PublicUrl,
}

#[tonic::async_trait]
impl PaymentService for Grpc {
    /// `email` is accepted for the original's clients and not looked at: a token says who pays, and no mail is sent.
    async fn create_checkout_session(
        &self,
        request: Request<pb::CreateCheckoutRequest>,
    ) -> Result<Response<pb::CreateCheckoutResponse>, Status> {
        let payer = Payer::of(self.verifier.grpc_caller(request.metadata())?)?;
        let message = request.into_inner();
        let payer = payer.named(message.user_id)?;
        let order = self.order(message.order_id, payer).await?;
        same_basket(message.products.iter().map(|item| (item.product_id.as_str(), item.quantity)), &order.lines)
            .map_err(|mismatch| Status::invalid_argument(mismatch.to_string()))?;
        if !order.status.payable() {
            return Err(Status::failed_precondition(format!("order {} is {}", order.id, order.status.as_str())));
        }
        let opened = self.open(&order).instrument(opening(&order)).await;
        match opened.map_err(|error| failure(&error))? {
            Session::Open(id) => Ok(Response::new(pb::CreateCheckoutResponse {
                checkout_url: format!("{}/simulate_payment/{}", self.public.origin(), id.expose()),
            })),
            Session::Paid => Err(Status::failed_precondition(format!("order {} has been paid", order.id))),
            Session::Cancelled => Err(Status::failed_precondition(format!("order {} is CANCELLED", order.id))),
        }
    }

    async fn list_transactions(&self, request: Request<u64>) -> Result<Response<pb::ListTransactionsResponse>, Status> {
        let payer = Payer::of(self.verifier.grpc_caller(request.metadata())?)?;
        let order = self.order(request.into_inner(), payer).await?;
        let transactions =
            traced("SELECT transactions", self.store.transactions(order.id)).await.map_err(|error| failure(&error))?;
        let transactions = transactions.into_iter().map(wire).collect();
        Ok(Response::new(pb::ListTransactionsResponse { transactions }))
    }
}

impl Grpc {
    async fn open(&self, order: &Order) -> Result<Session, store::Error> {
        let traceparent = if telemetry::is_exporting() { telemetry::traceparent() } else { None };
        traced("INSERT transactions", self.store.open_session(order, traceparent.as_deref())).await
    }

    /// The order, if this payer may know of it.
    async fn order(&self, id: u64, payer: Payer) -> Result<Order, Status> {
        let unknown = || Status::not_found(format!("order {id} not found"));
        let known = i64::try_from(id).ok().filter(|id| *id > 0).ok_or_else(unknown)?;
        let order = self.orders.get(known).await.map_err(|error| match error {
            orders::Error::NotFound(_) => unknown(),
            orders::Error::Away(_) => {
                tracing::warn!(%error, "no checkout");
                Status::unavailable("order's service can't be reached, try again")
            }
            orders::Error::Answer(_) | orders::Error::Nonsense(..) | orders::Error::Undecided(..) => {
                tracing::error!(%error, "no checkout");
                Status::internal("internal error")
            }
        })?;
        telemetry::attribute("shop.order.id", order.id);
        telemetry::attribute("shop.account.id", order.account_id);
        match payer {
            Payer::Account(account_id) if account_id != order.account_id => Err(unknown()),
            Payer::Account(_) | Payer::Owner => Ok(order),
        }
    }
}

/// The session as a part of the trace in which the order was made, if that is known, and linked to the call that asks for
/// it: with this the page and all that follows go on.
fn opening(order: &Order) -> Span {
    let Some(trace) = order.trace.as_deref().filter(|_| telemetry::is_exporting()) else { return Span::current() };
    let span = tracing::info_span!("open session", order = order.id);
    if let Some(call) = telemetry::traceparent()
        && !telemetry::same_trace(&call, trace)
    {
        telemetry::set_parent(&span, trace);
        telemetry::link(&span, &call);
        telemetry::link(&Span::current(), trace);
    }
    span
}

/// For whom a call is made.
#[derive(Clone, Copy)]
enum Payer {
    Account(i64),
    /// Whoever owns the order: only without access control.
    Owner,
}

impl Payer {
    fn of(caller: Caller) -> Result<Self, Status> {
        match caller {
            Caller::User { account_id, .. } => Ok(Self::Account(account_id)),
            Caller::Anonymous => Ok(Self::Owner),
            Caller::Service(_) => Err(Status::permission_denied("only an account pays")),
        }
    }

    /// The payer once the request has named one; 0 names none.
    fn named(self, user_id: u64) -> Result<Self, Status> {
        match (self, user_id, i64::try_from(user_id)) {
            (payer, 0, _) => Ok(payer),
            (Self::Account(account_id), _, Ok(named)) if named == account_id => Ok(self),
            (Self::Account(_), _, _) => Err(Status::permission_denied("user_id names another account")),
            (Self::Owner, _, Ok(named)) => Ok(Self::Account(named)),
            (Self::Owner, _, Err(_)) => Err(Status::not_found("no such account")),
        }
    }
}

fn wire(transaction: store::Transaction) -> pb::Transaction {
    pb::Transaction {
        status: transaction.status.as_str().to_owned(),
        amount_cents: transaction.amount_cents,
        // Formatting fails for years past 9999 only.
        created_at: transaction.created_at.format(&Rfc3339).unwrap_or_default(),
        settled: transaction.settled,
    }
}

fn failure(error: &store::Error) -> Status {
    if error.is_outage() {
        tracing::warn!(%error, "the store is away");
        Status::unavailable("payment's store can't be reached, try again")
    } else {
        tracing::error!(%error, "the store failed");
        Status::internal("internal error")
    }
}
