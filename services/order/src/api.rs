//! The gRPC face: what a message means, who may send it, and what is answered.

mod cursor;
mod wire;

use bus::Wake;
use kit::auth::{Caller, Owner, Verifier};
use kit::database::traced;
use kit::telemetry;
use proto::pb;
use proto::pb::order_service_server::OrderService;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status};

use crate::catalog::Catalog;
use crate::domain::basket::Priced;
use crate::domain::key::InvalidKey;
use crate::domain::{self, Basket, IdempotencyKey, Order, access, stored_id};
use crate::error::Error;
use crate::store::{Outcome, Store};

/// Orders on a page if the caller doesn't say.
const DEFAULT_PAGE: u32 = 20;
const MAX_PAGE: u32 = 100;

/// Carries out the contract's calls.
pub(crate) struct Api {
    pub store: Store,
    pub catalog: Catalog,
    pub verifier: Verifier,
    /// Told after each commit that there is an event to publish.
    pub wake: Wake,
}

impl Api {
    /// Prices are asked for before any transaction begins: a product service that hangs holds no lock and no connection.
    async fn create(&self, account_id: i64, key: Option<&IdempotencyKey>, basket: Basket) -> Result<Order, Error> {
        if let Some(order) = self.keyed(account_id, key, &basket).await? {
            return Ok(order);
        }
        let priced = match self.price(&basket).await {
            Ok(priced) => priced,
            // Another call with the key may have been luckier meanwhile.
            Err(error) => return self.keyed(account_id, key, &basket).await?.ok_or(error),
        };
        let created = traced("INSERT orders", self.store.create(account_id, key, &basket, priced)).await?;
        if let (Outcome::Changed(order), true) = (&created, telemetry::is_kept())
            && let Some(traceparent) = telemetry::traceparent()
            && let Err(error) = self.store.keep_trace(order.id, &traceparent).await
        {
            tracing::debug!("an order's trace was not kept: {error}");
        }
        Ok(self.told(created))
    }

    async fn keyed(
        &self,
        account_id: i64,
        key: Option<&IdempotencyKey>,
        basket: &Basket,
    ) -> Result<Option<Order>, Error> {
        match key {
            Some(key) => traced("SELECT idempotency_keys", self.store.keyed(account_id, key, basket)).await,
            None => Ok(None),
        }
    }

    async fn price(&self, basket: &Basket) -> Result<Priced, Error> {
        let prices = self.catalog.prices(basket).await?;
        Ok(basket.clone().priced(&prices)?)
    }

    async fn set_status(&self, id: u64, scope: access::Scope, status: domain::Status) -> Result<Order, Error> {
        let stored = stored_id(id).ok_or(Error::UnknownOrder(id))?;
        telemetry::attribute("shop.order.id", stored);
        let outcome = traced("UPDATE orders", self.store.set_status(stored, scope, status)).await?;
        outcome.map(|outcome| self.told(outcome)).ok_or(Error::UnknownOrder(id))
    }

    fn told(&self, outcome: Outcome) -> Order {
        match outcome {
            Outcome::Changed(order) => {
                self.wake.wake();
                order
            }
            Outcome::Unchanged(order) => order,
        }
    }
}

#[tonic::async_trait]
impl OrderService for Api {
    async fn create_order(
        &self,
        request: Request<pb::CreateOrderRequest>,
    ) -> Result<Response<pb::CreateOrderResponse>, Status> {
        let caller = self.verifier.grpc_caller(request.metadata())?;
        let key = idempotency_key(request.metadata()).map_err(Error::from)?;
        let request = request.into_inner();
        let account_id = access::account(&caller, request.account_id).map_err(Error::from)?;
        telemetry::attribute("shop.account.id", account_id);
        let products = request.products.into_iter().map(|product| (product.product_id, product.quantity));
        let basket = Basket::new(products).map_err(Error::from)?;
        let order = self.create(account_id, key.as_ref(), basket).await?;
        telemetry::attribute("shop.order.id", order.id);
        Ok(Response::new(pb::CreateOrderResponse { order: Some(wire::order(order)) }))
    }

    async fn update_order_status(
        &self,
        request: Request<pb::UpdateOrderStatusRequest>,
    ) -> Result<Response<pb::UpdateOrderStatusResponse>, Status> {
        let caller = self.verifier.grpc_caller(request.metadata())?;
        let pb::UpdateOrderStatusRequest { order_id, status: word } = request.into_inner();
        let status = domain::Status::from_word(&word).ok_or(Error::UnknownStatus(word))?;
        let scope = access::setting(&caller, status).map_err(Error::from)?;
        self.set_status(order_id, scope, status).await?;
        Ok(Response::new(pb::UpdateOrderStatusResponse {}))
    }

    async fn get_order(&self, request: Request<u64>) -> Result<Response<pb::GetOrderResponse>, Status> {
        let caller = self.verifier.grpc_caller(request.metadata())?;
        let scope = access::reading(&caller).map_err(Error::from)?;
        let id = request.into_inner();
        let stored = stored_id(id).ok_or(Error::UnknownOrder(id))?;
        telemetry::attribute("shop.order.id", stored);
        let found = traced("SELECT whole_orders", self.store.find(stored, scope)).await?;
        let order = found.ok_or(Error::UnknownOrder(id))?;
        telemetry::attribute("shop.account.id", order.account_id);
        let mut response = Response::new(pb::GetOrderResponse { order: Some(wire::order(order)) });
        // Payment goes on with the trace in which the order was made.
        if matches!(caller, Caller::Service(Owner::Payment)) && telemetry::is_exporting() {
            let trace = self.store.trace(stored).await.unwrap_or_default();
            if let Some(Ok(trace)) = trace.map(MetadataValue::try_from) {
                response.metadata_mut().insert(telemetry::ORIGIN, trace);
            }
        }
        Ok(response)
    }

    async fn cancel_order(&self, request: Request<u64>) -> Result<Response<pb::CancelOrderResponse>, Status> {
        let caller = self.verifier.grpc_caller(request.metadata())?;
        let scope = access::setting(&caller, domain::Status::Cancelled).map_err(Error::from)?;
        let order = self.set_status(request.into_inner(), scope, domain::Status::Cancelled).await?;
        Ok(Response::new(pb::CancelOrderResponse { order: Some(wire::order(order)) }))
    }

    async fn list_orders(
        &self,
        request: Request<pb::ListOrdersRequest>,
    ) -> Result<Response<pb::ListOrdersResponse>, Status> {
        let caller = self.verifier.grpc_caller(request.metadata())?;
        let request = request.into_inner();
        let account_id = access::account(&caller, request.account_id).map_err(Error::from)?;
        let before = cursor::decode(&request.cursor)?;
        let limit = match request.limit {
            0 => DEFAULT_PAGE,
            limit => limit.min(MAX_PAGE),
        };
        // One more than the page holds tells whether another page follows.
        telemetry::attribute("shop.account.id", account_id);
        let listed = self.store.list(account_id, before, i64::from(limit) + 1);
        let mut orders = traced("SELECT whole_orders", listed).await?;
        let more = orders.len() > limit as usize;
        orders.truncate(limit as usize);
        let next_cursor = orders.last().filter(|_| more).map(|last| cursor::encode(last.id)).unwrap_or_default();
        let orders = orders.into_iter().map(wire::order).collect();
        Ok(Response::new(pb::ListOrdersResponse { orders, next_cursor }))
    }
}

/// The call's `idempotency-key`, if it has one. Two of them name no attempt.
fn idempotency_key(metadata: &MetadataMap) -> Result<Option<IdempotencyKey>, InvalidKey> {
    let mut values = metadata.get_all("idempotency-key").iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => IdempotencyKey::new(value.as_encoded_bytes()).map(Some),
        (Some(_), Some(_)) => Err(InvalidKey),
    }
}
