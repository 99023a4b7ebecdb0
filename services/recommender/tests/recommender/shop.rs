//! The service under test with all that it needs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use kit::auth::{self, Mode, Owner, Signer};
use kit::{Lookup, Service as _, Shutdown, grpc};
use proto::pb;
use proto::pb::recommender_service_client::RecommenderServiceClient;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::broker::Broker;
use testkit::keys::Keys;
use testkit::postgres::{self, Database};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::Status;
use tonic::transport::Channel;
use uuid::Uuid;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How long an event may take from the broker into a recommendation, on a machine that is busy compiling.
const SOON: Duration = Duration::from_secs(30);

pub(crate) struct Shop {
    pub(crate) replica: Replica,
    pub(crate) broker: Broker,
    pub(crate) pool: PgPool,
    database: Database,
    producer: FutureProducer,
    keys: Keys,
}

/// One process of the service.
pub(crate) struct Replica {
    pub(crate) client: RecommenderServiceClient<Channel>,
    shutdown: Shutdown,
    running: Option<JoinHandle<anyhow::Result<()>>>,
}

/// A consumer that is cut off in the middle, or whose broker is gone, hangs when it is dropped: first comes an orderly end.
impl Drop for Replica {
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
        Self::on(postgres::database().await).await
    }

    /// With a database of the test's own cluster, say to stop it.
    pub(crate) async fn on(database: Database) -> Self {
        let broker = Broker::start().await;
        let keys = Keys::new("test");
        let replica = Replica::start(&keys, &database, &broker).await;
        let producer = ClientConfig::new()
            .set("bootstrap.servers", broker.brokers())
            .set("enable.idempotence", "true")
            .create()
            .expect("a client");
        let pool = PgPool::connect(&database.url).await.expect("the database answers");
        Self { replica, broker, pool, database, producer, keys }
    }

    /// Another one on the same database and broker.
    pub(crate) async fn another_replica(&self) -> Replica {
        Replica::start(&self.keys, &self.database, &self.broker).await
    }

    /// Sets the consumer's group back to the start of all topics and starts the service again.
    pub(crate) async fn rewind(&mut self) {
        self.replica.stop().await;
        let brokers = self.broker.brokers();
        let rewound = move || {
            let consumer: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", brokers)
                .set("group.id", "recommender")
                .create()
                .expect("a client");
            let mut start = TopicPartitionList::new();
            for topic in ["product_events", "order_events"] {
                for partition in 0..3 {
                    start.add_partition_offset(topic, partition, Offset::Offset(0)).expect("an offset");
                }
            }
            consumer.commit(&start, CommitMode::Sync).expect("the group has no member");
        };
        tokio::task::spawn_blocking(rewound).await.expect("it does not panic");
        self.replica = self.another_replica().await;
    }

    /// Publishes an event as a service of the shop does; returns its id.
    pub(crate) async fn publish(&self, topic: &str, key: &str, kind: &str, data: Value) -> Uuid {
        let id = Uuid::now_v7();
        self.publish_as(id, topic, key, kind, data).await;
        id
    }

    pub(crate) async fn publish_as(&self, id: Uuid, topic: &str, key: &str, kind: &str, data: Value) {
        let id = id.to_string();
        let headers = [("ce_id", id.as_str()), ("ce_type", kind), ("ce_source", "test"), ("ce_specversion", "1.0")];
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(*value) }));
        let value = json!({"type": kind, "data": data}).to_string();
        self.send(FutureRecord::to(topic).key(key).payload(value.as_str()).headers(headers)).await;
    }

    /// Publishes bare JSON, as the original's services do.
    pub(crate) async fn publish_plainly(&self, topic: &str, key: &str, value: &str) {
        self.send(FutureRecord::to(topic).key(key).payload(value)).await;
    }

    async fn send(&self, record: FutureRecord<'_, str, str>) {
        self.producer.send(record, DEADLINE).await.expect("the broker takes it");
    }

    pub(crate) async fn product(&self, id: &str, name: &str, version: i64) {
        let data = json!({
            "product_id": id, "name": name, "description": "", "price": 1.5, "price_cents": 150, "account_id": 1,
            "version": version,
        });
        self.publish("product_events", id, "product_created", data).await;
    }

    /// Products whose names have nothing in common, so that only baskets count.
    pub(crate) async fn products(&self, ids: &[&str]) {
        for id in ids {
            self.product(id, &format!("{id}name"), 1).await;
        }
        self.wait("the catalog has come", "SELECT count(*) FROM products", ids.len()).await;
    }

    pub(crate) async fn order(&self, id: i64, account_id: i64, version: i64, kind: &str, products: &[&str]) -> Uuid {
        self.publish("order_events", &id.to_string(), kind, order_data(id, account_id, version, products)).await
    }

    /// Waits until a query that counts gives `expected`.
    pub(crate) async fn wait(&self, what: &str, query: &'static str, expected: usize) {
        testkit::eventually(SOON, what, async || {
            let count: i64 = sqlx::query_scalar(query).fetch_one(&self.pool).await.ok()?;
            (usize::try_from(count) == Ok(expected)).then_some(())
        })
        .await;
    }

    /// Waits until an event has been applied.
    pub(crate) async fn applied(&self, event: Uuid) {
        testkit::eventually(SOON, "the event is applied", async || {
            sqlx::query("SELECT 1 FROM inbox WHERE consumer = 'recommender' AND event_id = $1")
                .bind(event)
                .fetch_optional(&self.pool)
                .await
                .ok()?
        })
        .await;
    }

    /// Everything that the service keeps of the shop, but for revisions, which only tell what is new.
    pub(crate) async fn tables(&self) -> Vec<Value> {
        sqlx::query_scalar(
            "SELECT to_jsonb(t) - 'revision' FROM products t
             UNION ALL SELECT to_jsonb(t) - 'revision' FROM orders t
             UNION ALL SELECT to_jsonb(t) - 'revision' FROM imported_baskets t
             ORDER BY 1",
        )
        .fetch_all(&self.pool)
        .await
        .expect("the database answers")
    }

    pub(crate) fn user(&self, account_id: i64) -> String {
        self.signer(Owner::Account).user_token(account_id, "ada@example.com")
    }

    pub(crate) fn service(&self, owner: Owner) -> String {
        self.signer(owner).service_token(Owner::Recommender)
    }

    fn signer(&self, owner: Owner) -> Signer {
        signer(&self.keys, owner)
    }

    pub(crate) async fn import(
        &self,
        bearer: &str,
        baskets: Vec<pb::ImportedBasket>,
    ) -> Result<pb::ImportHistoryResponse, Status> {
        let bearer = Some(bearer).filter(|bearer| !bearer.is_empty());
        let request = grpc::request(tokio_stream::iter(baskets), bearer, DEADLINE);
        self.replica.client.clone().import_history(request).await.map(tonic::Response::into_inner)
    }
}

impl Replica {
    async fn start(keys: &Keys, database: &Database, broker: &Broker) -> Self {
        let variables: BTreeMap<&str, String> = BTreeMap::from([
            ("SHOP_INSTANCE", "test".to_owned()),
            ("SHOP_JWKS", path(keys.jwks())),
            ("GRPC_ADDR", "127.0.0.1:0".to_owned()),
            ("DATABASE_URL", database.url.clone()),
            ("KAFKA_BROKERS", broker.brokers()),
        ]);
        let lookup = Lookup::new(move |name| variables.get(name).cloned());
        let config = recommender::Service::config(&lookup).expect("a whole configuration");
        recommender::Service::migrate(config.clone()).await.expect("the database can be migrated");
        let service = recommender::Service::build(config).await.expect("the service can be built");
        let address = service.grpc_addr().expect("it listens");
        let shutdown = Shutdown::new();
        let running = Some(tokio::spawn(service.run(shutdown.clone())));
        let channel = grpc::channel(&format!("http://{address}")).expect("an address");
        Self { client: RecommenderServiceClient::new(channel), shutdown, running }
    }

    async fn stop(&mut self) {
        self.shutdown.begin();
        let running = self.running.take().expect("it runs");
        running.await.expect("it does not panic").expect("it ends in order");
    }

    /// Popular products, or why there are none.
    pub(crate) async fn try_popular(&self) -> Result<Vec<pb::ProductReplica>, Status> {
        let request = grpc::request(pb::RecommendationRequestForUserId::default(), None, DEADLINE);
        Ok(self.client.clone().get_recommendations(request).await?.into_inner().recommended_products)
    }

    pub(crate) async fn viewed(&self, ids: &[&str], skip: u64, take: u64) -> Vec<pb::ProductReplica> {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let request = grpc::request(pb::RecommendationRequestOnViews { ids, skip, take }, None, DEADLINE);
        let response = self.client.clone().get_recommendations_based_on_viewed(request).await;
        response.expect("recommendations").into_inner().recommended_products
    }

    pub(crate) async fn for_user(&self, user_id: &str, skip: u64, take: u64) -> Vec<pb::ProductReplica> {
        let message = pb::RecommendationRequestForUserId { user_id: user_id.to_owned(), skip, take };
        let request = grpc::request(message, None, DEADLINE);
        let response = self.client.clone().get_recommendations(request).await;
        response.expect("recommendations").into_inner().recommended_products
    }
}

/// Signs as `owner`, as only its holder can.
pub(crate) fn signer(keys: &Keys, owner: Owner) -> Signer {
    let config = auth::Config {
        instance: keys.instance().to_owned(),
        jwks: keys.jwks(),
        mode: Mode::Required,
        signing_key: Some(keys.signing_key(owner.as_str())),
    };
    Signer::load(&config, owner).expect("everyone has a key")
}

pub(crate) fn order_data(id: i64, account_id: i64, version: i64, products: &[&str]) -> Value {
    let products: Vec<Value> =
        products.iter().map(|id| json!({"product_id": id, "quantity": 1, "price_cents": 150})).collect();
    json!({
        "order_id": id, "account_id": account_id, "total_price": 1.5, "total_cents": 150, "status": "PENDING",
        "version": version, "created_at": "2026-01-01T00:00:00Z", "products": products,
    })
}

pub(crate) fn basket(id: &str, customer: &str, products: &[&str]) -> pb::ImportedBasket {
    let line = |id: &&str| pb::ImportedLine { product_id: (*id).to_owned(), quantity: 1 };
    pb::ImportedBasket {
        basket_id: id.to_owned(),
        customer: customer.to_owned(),
        ordered_at: "2010-12-01T08:26:00".to_owned(),
        lines: products.iter().map(line).collect(),
    }
}

pub(crate) fn ids(products: &[pb::ProductReplica]) -> Vec<&str> {
    products.iter().map(|product| product.id.as_str()).collect()
}

fn path(path: PathBuf) -> String {
    path.into_os_string().into_string().expect("temporary paths are text")
}
