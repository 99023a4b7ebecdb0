//! Order's service, called with payment's own key.

use std::time::Duration;

use kit::auth::{Owner, Signer};
use kit::grpc::Client;
use kit::{crash, telemetry};
use proto::pb;
use proto::pb::order_service_client::OrderServiceClient;
use tonic::{Code, Request};

use crate::domain::{Line, Order, OrderStatus, Outcome};

/// The longest one call may take.
const DEADLINE: Duration = Duration::from_secs(2);

/// A client of order's service. Clones share the connection.
#[derive(Clone)]
pub(crate) struct Orders {
    client: OrderServiceClient<Client>,
    signer: Signer,
}

/// What order said to an outcome.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The order has that status now.
    Taken,
    /// The order may no longer get it.
    Refused,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("order {0} is unknown to order's service")]
    NotFound(i64),
    #[error("order's service can't be reached: {}", .0.message())]
    Away(tonic::Status),
    #[error("order's service answered {}: {}", .0.code(), .0.message())]
    Answer(tonic::Status),
    #[error("order {0} as order's service tells it makes no sense: {1}")]
    Nonsense(i64, &'static str),
    #[error("order {0} is {1:?}, and yet order's service refuses that it was paid")]
    Undecided(i64, OrderStatus),
}

impl Error {
    /// For traces.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "NOT_FOUND",
            Self::Away(status) | Self::Answer(status) => kit::grpc::word(status.code()),
            Self::Nonsense(..) => "nonsense",
            Self::Undecided(..) => "undecided",
        }
    }
}

impl Orders {
    pub(crate) fn new(client: Client, signer: Signer) -> Self {
        Self { client: OrderServiceClient::new(client), signer }
    }

    /// One order, whoever owns it.
    pub(crate) async fn get(&self, id: i64) -> Result<Order, Error> {
        let wire = u64::try_from(id).map_err(|_| Error::NotFound(id))?;
        crash::point("order-before-get");
        let answer = self.client.clone().get_order(self.request(wire)).await.map_err(|status| refusal(id, status))?;
        crash::point("order-after-get");
        let trace = answer.metadata().get(telemetry::ORIGIN).and_then(|trace| trace.to_str().ok()).map(str::to_owned);
        read(id, trace, answer.into_inner().order.ok_or(Error::Nonsense(id, "it is absent"))?)
    }

    /// Tells how the payment of an order ended.
    pub(crate) async fn tell(&self, id: i64, outcome: Outcome) -> Result<Told, Error> {
        let order_id = u64::try_from(id).map_err(|_| Error::NotFound(id))?;
        let status = OrderStatus::from(outcome).as_str().to_owned();
        let request = self.request(pb::UpdateOrderStatusRequest { order_id, status });
        crash::point("order-before-tell");
        let answer = self.client.clone().update_order_status(request).await;
        crash::point("order-after-tell");
        match answer {
            Ok(_) => Ok(Told::Taken),
            Err(status) if status.code() == Code::FailedPrecondition => Ok(Told::Refused),
            Err(status) => Err(refusal(id, status)),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        kit::grpc::request(message, Some(&self.signer.service_token(Owner::Order)), DEADLINE)
    }
}

fn refusal(id: i64, status: tonic::Status) -> Error {
    match status.code() {
        Code::NotFound => Error::NotFound(id),
        Code::ResourceExhausted => Error::Away(status),
        _ if kit::grpc::is_outage(&status) => Error::Away(status),
        // Code is tonic's and open: every other word is an answer that asks for a look.
        _ => Error::Answer(status),
    }
}

fn read(id: i64, trace: Option<String>, order: pb::Order) -> Result<Order, Error> {
    let lines = order.products.into_iter().map(|line| Line {
        product_id: line.product_id,
        quantity: line.quantity,
        price_cents: line.price_cents,
    });
    let read = Order {
        id: i64::try_from(order.id).map_err(|_| Error::Nonsense(id, "its id"))?,
        account_id: i64::try_from(order.account_id).map_err(|_| Error::Nonsense(id, "its account"))?,
        total_cents: order.total_cents,
        status: order.status.parse().map_err(|_| Error::Nonsense(id, "its status"))?,
        lines: lines.collect(),
        trace,
    };
    if read.id != id {
        return Err(Error::Nonsense(id, "it is another one"));
    }
    // A service that knows no cents would have us charge nothing.
    if read.total_cents < 0 || (read.total_cents == 0 && order.total_price != 0.0) {
        return Err(Error::Nonsense(id, "its total"));
    }
    Ok(read)
}
