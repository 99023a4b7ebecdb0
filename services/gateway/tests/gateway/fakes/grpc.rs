//! Account, order, payment and recommender, on one address.

use std::net::SocketAddr;

use kit::{Readiness, Shutdown};
use proto::pb::account_service_server::{AccountService, AccountServiceServer};
use proto::pb::order_service_server::{OrderService, OrderServiceServer};
use proto::pb::payment_service_server::{PaymentService, PaymentServiceServer};
use proto::pb::recommender_service_server::{RecommenderService, RecommenderServiceServer};
use proto::pb::*;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use super::{Fakes, header};

pub(crate) async fn serve(fakes: &Fakes, shutdown: &Shutdown) -> SocketAddr {
    let listener = kit::grpc::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let routes = Routes::new(AccountServiceServer::new(fakes.clone()))
        .add_service(OrderServiceServer::new(fakes.clone()))
        .add_service(PaymentServiceServer::new(fakes.clone()))
        .add_service(RecommenderServiceServer::new(fakes.clone()));
    let shutdown = shutdown.clone();
    tokio::spawn(async move { kit::grpc::serve(listener, routes, &[], Readiness::new(), &shutdown).await });
    address
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl AccountService for Fakes {
    async fn register(&self, request: Request<RegisterRequest>) -> Answer<String> {
        self.called("register", &request)?;
        Ok(Response::new(format!("token of {}", request.into_inner().email)))
    }

    async fn login(&self, request: Request<LoginRequest>) -> Answer<String> {
        self.called("login", &request)?;
        match request.into_inner() {
            LoginRequest { email, password } if password == "correct horse" => {
                Ok(Response::new(format!("token of {email}")))
            }
            _ => Err(Status::unauthenticated("wrong e-mail address or password")),
        }
    }

    async fn get_account(&self, request: Request<u64>) -> Answer<AccountResponse> {
        self.called("get_account", &request)?;
        let id = self.account(request.metadata(), *request.get_ref())?;
        let account = Account { id, name: "Ada".to_owned(), email: format!("user{id}@example.org") };
        Ok(Response::new(AccountResponse { account: Some(account) }))
    }
}

#[tonic::async_trait]
impl OrderService for Fakes {
    async fn create_order(&self, request: Request<CreateOrderRequest>) -> Answer<CreateOrderResponse> {
        self.called("create_order", &request)?;
        let key = header(request.metadata(), "idempotency-key");
        let account_id = self.account(request.metadata(), request.get_ref().account_id)?;
        let mut state = self.state();
        let id = state.orders.len() as u64 + 1;
        if let Some(last) = state.calls.last_mut() {
            last.detail = format!("key {key:?} {}", last.detail);
        }
        let products = request.into_inner().products.into_iter();
        let products = products.map(|line| OrderProduct { price_cents: 1275, ..line }).collect();
        let order = Order {
            id,
            account_id,
            total_price: 25.5,
            status: "PENDING".to_owned(),
            products,
            total_cents: 2550,
            version: 1,
            created_at: "2026-01-02T03:04:05Z".to_owned(),
        };
        state.orders.insert(id, order.clone());
        Ok(Response::new(CreateOrderResponse { order: Some(order) }))
    }

    async fn update_order_status(
        &self,
        request: Request<UpdateOrderStatusRequest>,
    ) -> Answer<UpdateOrderStatusResponse> {
        self.called("update_order_status", &request)?;
        Err(Status::permission_denied("the gateway never does this"))
    }

    async fn get_order(&self, request: Request<u64>) -> Answer<GetOrderResponse> {
        self.called("get_order", &request)?;
        let order = self.order(request.metadata(), *request.get_ref())?;
        Ok(Response::new(GetOrderResponse { order: Some(order) }))
    }

    async fn cancel_order(&self, request: Request<u64>) -> Answer<CancelOrderResponse> {
        self.called("cancel_order", &request)?;
        let mut order = self.order(request.metadata(), *request.get_ref())?;
        if order.status == "PAID" {
            return Err(Status::failed_precondition("the order is PAID"));
        }
        order.status = "CANCELLED".to_owned();
        order.version += 1;
        self.state().orders.insert(order.id, order.clone());
        Ok(Response::new(CancelOrderResponse { order: Some(order) }))
    }

    async fn list_orders(&self, request: Request<ListOrdersRequest>) -> Answer<ListOrdersResponse> {
        self.called("list_orders", &request)?;
        let ListOrdersRequest { account_id, limit, cursor } = request.get_ref().clone();
        let account = self.account(request.metadata(), account_id)?;
        let before = match cursor.as_str() {
            "" => u64::MAX,
            cursor => cursor.parse().map_err(|_| Status::invalid_argument("not a cursor"))?,
        };
        let state = self.state();
        let own = state.orders.values().rev().filter(|order| order.account_id == account && order.id < before);
        let mut orders: Vec<_> = own.take(limit as usize + 1).cloned().collect();
        let more = orders.len() > limit as usize;
        orders.truncate(limit as usize);
        let next_cursor = orders.last().filter(|_| more).map(|last| last.id.to_string()).unwrap_or_default();
        Ok(Response::new(ListOrdersResponse { orders, next_cursor }))
    }
}

#[tonic::async_trait]
impl PaymentService for Fakes {
    async fn create_checkout_session(&self, request: Request<CreateCheckoutRequest>) -> Answer<CreateCheckoutResponse> {
        self.called("create_checkout_session", &request)?;
        self.account(request.metadata(), request.get_ref().user_id)?;
        let order = self.order(request.metadata(), request.get_ref().order_id)?;
        let checkout_url = format!("http://localhost:8003/simulate_payment/{}", order.id);
        Ok(Response::new(CreateCheckoutResponse { checkout_url }))
    }

    async fn list_transactions(&self, request: Request<u64>) -> Answer<ListTransactionsResponse> {
        self.called("list_transactions", &request)?;
        let order = self.order(request.metadata(), *request.get_ref())?;
        let transaction = Transaction {
            status: "SUCCESS".to_owned(),
            amount_cents: order.total_cents,
            created_at: order.created_at,
            settled: true,
        };
        Ok(Response::new(ListTransactionsResponse { transactions: vec![transaction] }))
    }
}

#[tonic::async_trait]
impl RecommenderService for Fakes {
    async fn get_recommendations(
        &self,
        request: Request<RecommendationRequestForUserId>,
    ) -> Answer<RecommendationResponse> {
        self.called("get_recommendations", &request)?;
        Ok(Response::new(RecommendationResponse { recommended_products: vec![replica()] }))
    }

    async fn get_recommendations_based_on_viewed(
        &self,
        request: Request<RecommendationRequestOnViews>,
    ) -> Answer<RecommendationResponse> {
        self.called("get_recommendations_based_on_viewed", &request)?;
        Ok(Response::new(RecommendationResponse { recommended_products: vec![replica()] }))
    }

    async fn import_history(&self, _: Request<Streaming<ImportedBasket>>) -> Answer<ImportHistoryResponse> {
        Err(Status::permission_denied("the gateway never does this"))
    }
}

fn replica() -> ProductReplica {
    ProductReplica {
        id: "mug".to_owned(),
        name: "Mug".to_owned(),
        description: "Holds tea".to_owned(),
        price: 12.75,
        price_cents: 1275,
    }
}
