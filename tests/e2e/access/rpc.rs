//! Every method of every service.

use std::fmt::Debug;

use prost::Message as _;
use proto::pb::{
    self, account_service_client::AccountServiceClient, order_service_client::OrderServiceClient,
    payment_service_client::PaymentServiceClient, recommender_service_client::RecommenderServiceClient,
};
use tonic::{Code, Request, Response, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};
use uuid::Uuid;

use super::{
    credentials::Credential,
    scene::{People, Scene},
    table::{self, Answer, D, Mode, N, OK, Row, U, Verdict, row},
};

/// The columns: no token, bad, two headers, another account's, a service's, right; services that may more; open mode.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("AccountService/Register",                        "account", [OK, OK, OK, OK, OK, OK], &[], OK),
    row("AccountService/Login",                           "account", [OK, OK, OK, OK, OK, OK], &[], OK),
    row("AccountService/GetAccount",                      "account", [U, U, U, N, D, OK], &[], OK),
    row("AccountService/GetAccount (one's own)",          "account", [U, U, U, OK, D, OK], &[], U),
    row("OrderService/CreateOrder",                       "order", [U, U, U, OK, D, OK], &[], U),
    row("OrderService/CreateOrder (for the owner)",       "order", [U, U, U, D, D, OK], &[], OK),
    row("OrderService/UpdateOrderStatus (PENDING)",       "order", [U, U, U, D, D, D], &[], D),
    row("OrderService/UpdateOrderStatus (PAID)",          "order", [U, U, U, D, D, D], &[("payment", OK)], D),
    row("OrderService/UpdateOrderStatus (PAYMENT_FAILED)","order", [U, U, U, D, D, D], &[("payment", OK)], D),
    row("OrderService/UpdateOrderStatus (CANCELLED)",     "order", [U, U, U, N, D, OK], &[], OK),
    row("OrderService/GetOrder",                          "order", [U, U, U, N, D, OK], &[("payment", OK)], OK),
    row("OrderService/CancelOrder",                       "order", [U, U, U, N, D, OK], &[], OK),
    row("OrderService/ListOrders",                        "order", [U, U, U, OK, D, OK], &[], U),
    row("OrderService/ListOrders (of the owner)",         "order", [U, U, U, D, D, OK], &[], OK),
    row("PaymentService/CreateCheckoutSession",           "payment", [U, U, U, N, D, OK], &[], OK),
    row("PaymentService/CreateCheckoutSession (for the owner)", "payment", [U, U, U, D, D, OK], &[], OK),
    row("PaymentService/ListTransactions",                "payment", [U, U, U, N, D, OK], &[], OK),
    row("RecommenderService/GetRecommendations",          "recommender", [OK, OK, OK, OK, OK, OK], &[], OK),
    row("RecommenderService/GetRecommendationsBasedOnViewed", "recommender", [OK, OK, OK, OK, OK, OK], &[], OK),
    row("Health/Check",                                   "order", [OK, OK, OK, OK, OK, OK], &[], OK),
    row("Health/Watch",                                   "order", [OK, OK, OK, OK, OK, OK], &[], OK),
    row("ServerReflection/ServerReflectionInfo",          "order", [OK, OK, OK, OK, OK, OK], &[], OK),
    row("RecommenderService/ImportHistory",               "recommender", [U, U, U, D, D, D], &[("shopctl", OK)], D),
];

pub(super) async fn holds(people: &People, mode: Mode) {
    table::complete(ROWS, &methods());
    let clients = Clients::of(people);
    table::holds(people, mode, ROWS, async |row, scene, credential| {
        let status = clients.call(row.what, scene, credential).await;
        let verdict = match status.as_ref().map_or_else(Status::code, |_| Code::Ok) {
            Code::Ok => OK,
            Code::Unauthenticated => U,
            Code::PermissionDenied => D,
            Code::NotFound => N,
            _ => Verdict::Other,
        };
        Answer { verdict, shown: format!("{status:?}") }
    })
    .await;
}

/// As the contracts have them, `Service/Method`.
fn methods() -> Vec<String> {
    let sets = [
        proto::FILE_DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    ];
    let sets = sets.map(|set| prost_types::FileDescriptorSet::decode(set).expect("the contracts can be read"));
    let services = sets.iter().flat_map(|set| &set.file).flat_map(|file| &file.service);
    let methods = services
        .flat_map(|service| service.method.iter().map(|method| format!("{}/{}", service.name(), method.name())));
    methods.collect()
}

struct Clients {
    /// Order's, for what every server has.
    channel: Channel,
    account: AccountServiceClient<Channel>,
    order: OrderServiceClient<Channel>,
    payment: PaymentServiceClient<Channel>,
    recommender: RecommenderServiceClient<Channel>,
}

impl Clients {
    fn of(people: &People) -> Self {
        let channel = |name| {
            let url = format!("http://{}", people.shop.address(name));
            Channel::from_shared(url).expect("an address").connect_lazy()
        };
        Self {
            channel: channel("order"),
            account: AccountServiceClient::new(channel("account")),
            order: OrderServiceClient::new(channel("order")),
            payment: PaymentServiceClient::new(channel("payment_grpc")),
            recommender: RecommenderServiceClient::new(channel("recommender")),
        }
    }

    async fn call(&self, what: &str, scene: &Scene<'_>, credential: &Credential) -> Result<String, Status> {
        let owner = scene.people.owner.id.unsigned_abs();
        let order = scene.order.unsigned_abs();
        let named = if what.contains("owner") { owner } else { 0 };
        let (mut account, mut payment) = (self.account.clone(), self.payment.clone());
        let (mut orders, mut recommender) = (self.order.clone(), self.recommender.clone());
        match what.split(" (").next().unwrap_or(what) {
            "AccountService/Register" => {
                let email = format!("{}@example.com", Uuid::new_v4().simple());
                let message = pb::RegisterRequest { name: "E".into(), email, password: "long enough".into() };
                shown(account.register(request(message, credential)).await)
            }
            "AccountService/Login" => {
                let (email, password) = (scene.people.email.clone(), "long enough".to_owned());
                shown(account.login(request(pb::LoginRequest { email, password }, credential)).await)
            }
            "AccountService/GetAccount" => {
                let id = if what.contains("own)") { 0 } else { owner };
                shown(account.get_account(request(id, credential)).await)
            }
            "OrderService/CreateOrder" => {
                let line = pb::OrderProduct { product_id: scene.product.clone(), quantity: 1, price_cents: 0 };
                let message = pb::CreateOrderRequest { account_id: named, products: vec![line] };
                shown(orders.create_order(request(message, credential)).await)
            }
            "OrderService/UpdateOrderStatus" => {
                let status = what.split(['(', ')']).nth(1).expect("the row names a status").to_owned();
                let message = pb::UpdateOrderStatusRequest { order_id: order, status };
                shown(orders.update_order_status(request(message, credential)).await)
            }
            "OrderService/GetOrder" => shown(orders.get_order(request(order, credential)).await),
            "OrderService/CancelOrder" => shown(orders.cancel_order(request(order, credential)).await),
            "OrderService/ListOrders" => {
                let message = pb::ListOrdersRequest { account_id: named, ..Default::default() };
                shown(orders.list_orders(request(message, credential)).await)
            }
            "PaymentService/CreateCheckoutSession" => {
                let message = pb::CreateCheckoutRequest { user_id: named, order_id: order, ..Default::default() };
                shown(payment.create_checkout_session(request(message, credential)).await)
            }
            "PaymentService/ListTransactions" => shown(payment.list_transactions(request(order, credential)).await),
            "RecommenderService/GetRecommendations" => {
                let message = pb::RecommendationRequestForUserId { user_id: owner.to_string(), skip: 0, take: 1 };
                shown(recommender.get_recommendations(request(message, credential)).await)
            }
            "RecommenderService/GetRecommendationsBasedOnViewed" => {
                let message = pb::RecommendationRequestOnViews { ids: vec![scene.product.clone()], skip: 0, take: 1 };
                shown(recommender.get_recommendations_based_on_viewed(request(message, credential)).await)
            }
            "RecommenderService/ImportHistory" => {
                let nothing = futures::stream::empty::<pb::ImportedBasket>();
                shown(recommender.import_history(request(nothing, credential)).await)
            }
            "Health/Check" => {
                let mut health = HealthClient::new(self.channel.clone());
                shown(health.check(request(HealthCheckRequest::default(), credential)).await)
            }
            "Health/Watch" => {
                let mut health = HealthClient::new(self.channel.clone());
                let watched = health.watch(request(HealthCheckRequest::default(), credential)).await?;
                watched.into_inner().message().await.map(|status| format!("{status:?}"))
            }
            "ServerReflection/ServerReflectionInfo" => {
                let mut reflection = ServerReflectionClient::new(self.channel.clone());
                let question = MessageRequest::ListServices(String::new());
                let question = ServerReflectionRequest { message_request: Some(question), ..Default::default() };
                let questions = futures::stream::iter([question]);
                let told = reflection.server_reflection_info(request(questions, credential)).await?;
                told.into_inner().message().await.map(|services| format!("{services:?}"))
            }
            other => panic!("no test calls {other}"),
        }
    }
}

fn request<T>(message: T, credential: &Credential) -> Request<T> {
    let mut request = Request::new(message);
    for header in &credential.headers {
        request.metadata_mut().append("authorization", header.parse().expect("it is ASCII"));
    }
    request
}

fn shown<T: Debug>(answer: Result<Response<T>, Status>) -> Result<String, Status> {
    answer.map(|answer| format!("{answer:?}"))
}
