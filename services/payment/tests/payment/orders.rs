//! A stand-in for order's service: the same state machine and the same access rules, in memory, and it can go away.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use kit::auth::{Caller, Owner, Verifier};
use proto::pb;
use proto::pb::order_service_server::{OrderService, OrderServiceServer};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// How it answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    Up,
    Unavailable,
    /// Tells its orders, and can't be told of payments.
    Untold,
    /// Takes calls and never answers.
    Hangs,
}

#[derive(Clone)]
pub(crate) struct Orders(Arc<Inner>);

struct Inner {
    verifier: Verifier,
    state: Mutex<State>,
}

struct State {
    health: Health,
    orders: HashMap<u64, pb::Order>,
    /// Every change of status, in order.
    changes: Vec<(u64, String)>,
    /// Every status that payment asked for.
    asked: Vec<(u64, String)>,
}

impl Orders {
    /// Serves on a free port.
    pub(crate) async fn start(verifier: Verifier) -> (Self, SocketAddr) {
        let state = State { health: Health::Up, orders: HashMap::new(), changes: Vec::new(), asked: Vec::new() };
        let orders = Self(Arc::new(Inner { verifier, state: Mutex::new(state) }));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let server = tonic::transport::Server::builder()
            .add_service(OrderServiceServer::new(orders.clone()))
            .serve_with_incoming(TcpIncoming::from(listener));
        tokio::spawn(server);
        (orders, address)
    }

    /// A pending order of lines (product, quantity, price in cents) over `total_cents`.
    pub(crate) fn add(&self, account_id: u64, lines: &[(&str, u32, i64)], total_cents: i64) -> u64 {
        let mut state = self.state();
        let id = state.orders.len() as u64 + 1;
        let products = lines
            .iter()
            .map(|&(product, quantity, price_cents)| pb::OrderProduct {
                product_id: product.to_owned(),
                quantity,
                price_cents,
            })
            .collect();
        let order = pb::Order {
            id,
            account_id,
            total_price: kit::Cents::new(total_cents).expect("not negative").to_wire(),
            status: "PENDING".to_owned(),
            products,
            total_cents,
            version: 1,
            created_at: "2026-01-01T00:00:00Z".to_owned(),
        };
        state.orders.insert(id, order);
        id
    }

    /// Order's database loses an order, or gets it back.
    pub(crate) fn lose(&self, id: u64) -> pb::Order {
        self.state().orders.remove(&id).expect("it was there")
    }

    pub(crate) fn restore(&self, order: pb::Order) {
        self.state().orders.insert(order.id, order);
    }

    pub(crate) fn turn(&self, health: Health) {
        self.state().health = health;
    }

    pub(crate) fn status(&self, id: u64) -> String {
        self.state().orders[&id].status.clone()
    }

    /// How often an order turned to `status`.
    pub(crate) fn changes(&self, id: u64, status: &str) -> usize {
        self.state().changes.iter().filter(|change| change.0 == id && change.1 == status).count()
    }

    /// How often payment asked for `status`.
    pub(crate) fn asked(&self, id: u64, status: &str) -> usize {
        self.state().asked.iter().filter(|asked| asked.0 == id && asked.1 == status).count()
    }

    /// What an order's owner, or payment, may do; the order's state machine decides.
    pub(crate) fn change(&self, id: u64, to: &str) -> Result<(), Status> {
        let mut state = self.state();
        let order = state.orders.get_mut(&id).ok_or_else(|| Status::not_found("order not found"))?;
        match (order.status.as_str(), to) {
            (from, to) if from == to => return Ok(()),
            ("PENDING", "PAID" | "PAYMENT_FAILED" | "CANCELLED") | ("PAYMENT_FAILED", "PAID" | "CANCELLED") => {}
            (_, "PENDING" | "PAID" | "PAYMENT_FAILED" | "CANCELLED") => {
                return Err(Status::failed_precondition("not from there"));
            }
            _ => return Err(Status::invalid_argument("no such status")),
        }
        order.status = to.to_owned();
        order.version += 1;
        state.changes.push((id, to.to_owned()));
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("nobody panicked")
    }

    async fn enter<T>(&self, request: &Request<T>) -> Result<(), Status> {
        match self.0.verifier.grpc_caller(request.metadata())? {
            Caller::Service(Owner::Payment) => {}
            caller => return Err(Status::permission_denied(format!("{caller:?} is not payment"))),
        }
        let health = self.state().health;
        match health {
            Health::Up | Health::Untold => Ok(()),
            Health::Unavailable => Err(Status::unavailable("away")),
            Health::Hangs => std::future::pending().await,
        }
    }
}

#[tonic::async_trait]
impl OrderService for Orders {
    async fn get_order(&self, request: Request<u64>) -> Result<Response<pb::GetOrderResponse>, Status> {
        self.enter(&request).await?;
        let order = self.state().orders.get(request.get_ref()).cloned();
        let order = order.ok_or_else(|| Status::not_found("order not found"))?;
        Ok(Response::new(pb::GetOrderResponse { order: Some(order) }))
    }

    async fn update_order_status(
        &self,
        request: Request<pb::UpdateOrderStatusRequest>,
    ) -> Result<Response<pb::UpdateOrderStatusResponse>, Status> {
        self.enter(&request).await?;
        if self.state().health == Health::Untold {
            return Err(Status::unavailable("away"));
        }
        let pb::UpdateOrderStatusRequest { order_id, status } = request.into_inner();
        if !matches!(status.as_str(), "PAID" | "PAYMENT_FAILED") {
            return Err(Status::permission_denied("not for payment"));
        }
        self.state().asked.push((order_id, status.clone()));
        self.change(order_id, &status)?;
        Ok(Response::new(pb::UpdateOrderStatusResponse {}))
    }

    async fn create_order(
        &self,
        _: Request<pb::CreateOrderRequest>,
    ) -> Result<Response<pb::CreateOrderResponse>, Status> {
        Err(Status::unimplemented("payment makes no orders"))
    }

    async fn cancel_order(&self, _: Request<u64>) -> Result<Response<pb::CancelOrderResponse>, Status> {
        Err(Status::unimplemented("payment cancels no orders"))
    }

    async fn list_orders(&self, _: Request<pb::ListOrdersRequest>) -> Result<Response<pb::ListOrdersResponse>, Status> {
        Err(Status::unimplemented("payment lists no orders"))
    }
}
