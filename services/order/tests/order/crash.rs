//! The service's own binary, killed without warning: no order that was acknowledged is lost, no change is told twice.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::future::join_all;
use kit::auth::Owner;
use kit::grpc;
use proto::pb::order_service_client::OrderServiceClient;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use sqlx::PgPool;
use testkit::broker::Broker;
use testkit::keys::Keys;
use testkit::port::Port;
use testkit::process::Process;
use testkit::{eventually, postgres};
use tonic::transport::Channel;

use crate::product::Product;
use crate::shop::{creation, path, request, signer};

pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) keys: Keys,
    pub(crate) pool: PgPool,
    _port: Port,
    variables: BTreeMap<&'static str, String>,
    pub(crate) client: OrderServiceClient<Channel>,
    product: Product,
}

impl World {
    pub(crate) async fn new() -> Self {
        let (database, broker, product) = tokio::join!(postgres::database(), Broker::start(), Product::start());
        let keys = Keys::new("test");
        let port = Port::reserve();
        let address = port.address();
        let variables = BTreeMap::from([
            ("SHOP_INSTANCE", "test".to_owned()),
            ("SHOP_JWKS", path(keys.jwks())),
            ("GRPC_ADDR", address.to_string()),
            ("DATABASE_URL", database.url.clone()),
            ("KAFKA_BROKERS", broker.brokers()),
            ("PRODUCT_URL", format!("http://{}", product.address)),
            ("RUST_LOG", "warn".to_owned()),
        ]);
        let client = OrderServiceClient::new(grpc::channel(&format!("http://{address}")).expect("an address"));
        let pool = PgPool::connect(&database.url).await.expect("the database answers");
        let world = Self { broker, keys, pool, _port: port, variables, client, product };
        let migrated = world.command(env!("CARGO_BIN_EXE_order"), "migrate").status().expect("it can be executed");
        assert!(migrated.success());
        world
    }

    pub(crate) fn command(&self, binary: &str, subcommand: &str) -> Command {
        let mut command = Command::new(binary);
        command.arg(subcommand).envs(&self.variables).stdin(Stdio::null());
        command
    }

    fn serve(&self) -> Process {
        let mut command = self.command(env!("CARGO_BIN_EXE_order"), "serve");
        Process::spawn(&mut command).expect("it can be executed")
    }

    /// The id of a new order, if it was acknowledged.
    async fn order(&self) -> Option<u64> {
        let token = signer(&self.keys, Owner::Account).user_token(7, "ada@example.com");
        let call = request(creation(0, &[("mug", 1)]), &token);
        Some(self.client.clone().create_order(call).await.ok()?.into_inner().order?.id)
    }

    async fn ids(&self) -> BTreeSet<u64> {
        let ids: Vec<i64> =
            sqlx::query_scalar("SELECT id FROM orders").fetch_all(&self.pool).await.expect("the database answers");
        ids.into_iter().map(i64::unsigned_abs).collect()
    }

    pub(crate) async fn outbox_is_empty(&self) {
        eventually(SOON, "all is published", async || {
            let left: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&self.pool).await.ok()?;
            (left == 0).then_some(())
        })
        .await;
    }

    /// The `ce_id`s of all events in the topic, by order.
    async fn told(&self) -> BTreeMap<u64, BTreeSet<String>> {
        let brokers = self.broker.brokers();
        tokio::task::spawn_blocking(move || read_all(&brokers)).await.expect("it does not panic")
    }
}

fn read_all(brokers: &str) -> BTreeMap<u64, BTreeSet<String>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "not used")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a client");
    let (mut partitions, mut expected) = (TopicPartitionList::new(), 0);
    for partition in 0..3 {
        partitions.add_partition_offset("order_events", partition, Offset::Beginning).expect("an offset");
        expected += consumer.fetch_watermarks("order_events", partition, SOON).expect("the broker answers").1;
    }
    consumer.assign(&partitions).expect("there are three");
    let mut told = BTreeMap::<u64, BTreeSet<String>>::new();
    for _ in 0..expected {
        let record = consumer.poll(SOON).expect("there is one more").expect("it can be read").detach();
        let order = record.key().and_then(|key| std::str::from_utf8(key).ok()?.parse().ok()).expect("an order's id");
        let headers = record.headers().expect("an event has headers");
        let id = headers.iter().find(|header| header.key == "ce_id").and_then(|header| header.value).expect("an id");
        told.entry(order).or_default().insert(String::from_utf8_lossy(id).into_owned());
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_killed_at_work_loses_no_order_and_tells_each_once() {
    let world = World::new().await;
    let mut acknowledged = BTreeSet::new();
    for round in 1..=3 {
        let mut process = world.serve();
        eventually(SOON, "an order is made", async || world.order().await.map(|id| acknowledged.insert(id))).await;
        let buyers = (0..8).map(|_| async {
            let mut mine = Vec::new();
            while let Some(id) = world.order().await {
                mine.push(id);
            }
            mine
        });
        let killer = async {
            let enough = acknowledged.len() + 40;
            eventually(SOON, "buyers are at work", async || (world.ids().await.len() > enough).then_some(())).await;
            process.kill().expect("it runs");
        };
        let (bought, ()) = tokio::join!(join_all(buyers), killer);
        let before = acknowledged.len();
        acknowledged.extend(bought.into_iter().flatten());
        assert!(acknowledged.len() > before, "round {round}: somebody bought something");
    }
    let process = world.serve();
    world.outbox_is_empty().await;
    drop(process);
    let (orders, told) = (world.ids().await, world.told().await);
    assert!(acknowledged.is_subset(&orders), "an acknowledged order is lost");
    assert_eq!(told.keys().copied().collect::<BTreeSet<_>>(), orders, "each order is told");
    assert!(told.values().all(|ids| ids.len() == 1), "each once: {told:?}");
    assert!(world.product.calls() >= orders.len());
}
