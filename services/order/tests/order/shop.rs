//! The service under test with all that it needs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use kit::auth::{self, Mode, Owner, Signer};
use kit::{Lookup, Service as _, Shutdown, grpc};
use proto::pb;
use proto::pb::order_service_client::OrderServiceClient;
use sqlx::PgPool;
use testkit::broker::Broker;
use testkit::keys::Keys;
use testkit::postgres::{self, Database};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::product::Product;

/// How long a caller waits for an answer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Shop {
    pub(crate) client: OrderServiceClient<Channel>,
    pub(crate) product: Product,
    pub(crate) broker: Broker,
    pub(crate) pool: PgPool,
    keys: Keys,
    shutdown: Shutdown,
    running: Option<JoinHandle<anyhow::Result<()>>>,
}

/// The service ends in order before its broker does: a client library that is cut off in the middle may hang.
impl Drop for Shop {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.shutdown.begin();
            let ended = timeout(DEADLINE, running);
            let ended = tokio::task::block_in_place(|| Handle::current().block_on(ended));
            assert!(ended.is_ok() || std::thread::panicking(), "the service does not end");
        }
    }
}

impl Shop {
    pub(crate) async fn start() -> Self {
        Self::with("required", postgres::database().await).await
    }

    /// One in which calls without a token are accepted.
    pub(crate) async fn open() -> Self {
        Self::with("open", postgres::database().await).await
    }

    /// With a database of the test's own cluster, say to stop it.
    pub(crate) async fn on(database: Database) -> Self {
        Self::with("required", database).await
    }

    async fn with(mode: &str, database: Database) -> Self {
        let (broker, product) = tokio::join!(Broker::start(), Product::start());
        let keys = Keys::new("test");
        let variables: BTreeMap<&str, String> = BTreeMap::from([
            ("SHOP_INSTANCE", "test".to_owned()),
            ("SHOP_JWKS", path(keys.jwks())),
            ("SHOP_AUTH", mode.to_owned()),
            ("GRPC_ADDR", "127.0.0.1:0".to_owned()),
            ("DATABASE_URL", database.url.clone()),
            ("KAFKA_BROKERS", broker.brokers()),
            ("PRODUCT_URL", format!("http://{}", product.address)),
        ]);
        let lookup = Lookup::new(move |name| variables.get(name).cloned());
        let config = order::Service::config(&lookup).expect("a whole configuration");
        order::Service::migrate(config.clone()).await.expect("the database can be migrated");
        let service = order::Service::build(config).await.expect("the service can be built");
        let address = service.grpc_addr().expect("it listens");
        let shutdown = Shutdown::new();
        let running = Some(tokio::spawn(service.run(shutdown.clone())));
        testkit::ready::grpc(address, "pb.OrderService").await;
        let channel = grpc::channel(&format!("http://{address}")).expect("an address");
        let pool = PgPool::connect(&database.url).await.expect("the database answers");
        Self { client: OrderServiceClient::new(channel), product, broker, pool, keys, shutdown, running }
    }

    /// A token that account gives to the user `account_id`.
    pub(crate) fn user(&self, account_id: i64) -> String {
        signer(&self.keys, Owner::Account).user_token(account_id, "ada@example.com")
    }

    /// A token with which `owner` calls order as itself.
    pub(crate) fn service(&self, owner: Owner) -> String {
        signer(&self.keys, owner).service_token(Owner::Order)
    }

    /// Tokens that look right and must not count.
    pub(crate) fn forged(&self) -> Vec<String> {
        let strangers = Keys::new("test");
        let elsewhere = Keys::new("elsewhere");
        vec![
            signer(&strangers, Owner::Account).user_token(1, "ada@example.com"),
            signer(&elsewhere, Owner::Account).user_token(1, "ada@example.com"),
            // A service's key makes no users, and a token for another callee is not for order.
            signer(&self.keys, Owner::Payment).user_token(1, "ada@example.com"),
            signer(&self.keys, Owner::Payment).service_token(Owner::Account),
            "no.token.atall".to_owned(),
        ]
    }

    pub(crate) async fn create(&self, bearer: &str, lines: &[(&str, u32)]) -> Result<pb::Order, Status> {
        self.create_with(request(creation(0, lines), bearer)).await
    }

    pub(crate) async fn create_keyed(
        &self,
        bearer: &str,
        key: &str,
        lines: &[(&str, u32)],
    ) -> Result<pb::Order, Status> {
        let mut request = request(creation(0, lines), bearer);
        request.metadata_mut().insert("idempotency-key", key.parse().expect("ASCII"));
        self.create_with(request).await
    }

    /// The same, again for as long as the service is too busy: with the key that is always safe.
    pub(crate) async fn insist_keyed(
        &self,
        bearer: &str,
        key: &str,
        lines: &[(&str, u32)],
    ) -> Result<pb::Order, Status> {
        loop {
            match self.create_keyed(bearer, key, lines).await {
                Err(status) if status.code() == Code::Unavailable => {}
                answer => return answer,
            }
        }
    }

    pub(crate) async fn create_with(&self, request: Request<pb::CreateOrderRequest>) -> Result<pb::Order, Status> {
        let response = self.client.clone().create_order(request).await?.into_inner();
        Ok(response.order.expect("the answer has an order"))
    }

    pub(crate) async fn get(&self, bearer: &str, id: u64) -> Result<pb::Order, Status> {
        let response = self.client.clone().get_order(request(id, bearer)).await?.into_inner();
        Ok(response.order.expect("the answer has an order"))
    }

    pub(crate) async fn cancel(&self, bearer: &str, id: u64) -> Result<pb::Order, Status> {
        let response = self.client.clone().cancel_order(request(id, bearer)).await?.into_inner();
        Ok(response.order.expect("the answer has an order"))
    }

    pub(crate) async fn set_status(&self, bearer: &str, id: u64, status: &str) -> Result<(), Status> {
        let message = pb::UpdateOrderStatusRequest { order_id: id, status: status.to_owned() };
        self.client.clone().update_order_status(request(message, bearer)).await.map(drop)
    }

    pub(crate) async fn list(
        &self,
        bearer: &str,
        account_id: u64,
        limit: u32,
        cursor: &str,
    ) -> Result<pb::ListOrdersResponse, Status> {
        let message = pb::ListOrdersRequest { account_id, limit, cursor: cursor.to_owned() };
        self.client.clone().list_orders(request(message, bearer)).await.map(tonic::Response::into_inner)
    }

    /// How many rows a table of the service has.
    pub(crate) async fn count(&self, table: &'static str) -> i64 {
        let query = match table {
            "orders" => "SELECT count(*) FROM orders",
            "idempotency_keys" => "SELECT count(*) FROM idempotency_keys",
            "outbox" => "SELECT count(*) FROM outbox",
            other => panic!("no test looks at {other}"),
        };
        sqlx::query_scalar(query).fetch_one(&self.pool).await.expect("the database answers")
    }
}

pub(crate) fn creation(account_id: u64, lines: &[(&str, u32)]) -> pb::CreateOrderRequest {
    let line = |&(id, quantity): &(&str, u32)| pb::OrderProduct {
        product_id: id.to_owned(),
        quantity,
        ..pb::OrderProduct::default()
    };
    pb::CreateOrderRequest { account_id, products: lines.iter().map(line).collect() }
}

/// A call with this token; none if it is empty.
pub(crate) fn request<T>(message: T, bearer: &str) -> Request<T> {
    grpc::request(message, Some(bearer).filter(|bearer| !bearer.is_empty()), DEADLINE)
}

pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Status>) -> Code {
    match result {
        Ok(_) => Code::Ok,
        Err(status) => status.code(),
    }
}

/// Product ids and quantities of an order.
pub(crate) fn lines(order: &pb::Order) -> Vec<(&str, u32)> {
    order.products.iter().map(|line| (line.product_id.as_str(), line.quantity)).collect()
}

pub(crate) fn signer(keys: &Keys, owner: Owner) -> Signer {
    let config = auth::Config {
        instance: keys.instance().to_owned(),
        jwks: keys.jwks(),
        mode: Mode::Required,
        signing_key: Some(keys.signing_key(owner.as_str())),
    };
    Signer::load(&config, owner).expect("everyone has a key")
}

pub(crate) fn path(path: PathBuf) -> String {
    path.into_os_string().into_string().expect("temporary paths are text")
}
