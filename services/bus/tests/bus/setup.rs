use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bus::{Consumer, Event, HandleError, Handler, PgOutbox, Received, Relay, Settings, Wake};
use kit::Shutdown;
use kit::database::Pool;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::json;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, PgPool};
use testkit::brokers::{Broker, Kind, unique};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) const PARTITIONS: i32 = 3;
/// Long enough for a machine that is busy with other things.
pub(crate) const LONG: Duration = Duration::from_secs(30);

const TABLES: &str = "
    CREATE TABLE outbox (seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id UUID NOT NULL UNIQUE, topic TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, source TEXT NOT NULL, occurred_at TIMESTAMPTZ NOT NULL, value BYTEA NOT NULL, traceparent TEXT);
    CREATE TABLE inbox (consumer TEXT NOT NULL, event_id UUID NOT NULL, received_at TIMESTAMPTZ NOT NULL DEFAULT now(), PRIMARY KEY (consumer, event_id));
    CREATE TABLE effects (seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key TEXT NOT NULL, n INTEGER NOT NULL);
";

/// A broker, on which its names are its own, and a database with the tables of a service.
pub(crate) struct Shop {
    pub(crate) broker: Broker,
    /// The test's own.
    pub(crate) pool: PgPool,
    /// The service's.
    pub(crate) connections: Pool,
    pub(crate) topic: String,
    /// The topic of its dead letters.
    pub(crate) dead: String,
    /// Of its consumers.
    pub(crate) group: String,
}

impl Shop {
    pub(crate) async fn open(on: Kind) -> Self {
        Self::with(Broker::any(on).await, &testkit::postgres::database().await.url).await
    }

    /// For a test that stops the broker.
    pub(crate) async fn alone(on: Kind) -> Self {
        Self::with(Broker::own(on).await, &testkit::postgres::database().await.url).await
    }

    /// In a database that is empty.
    pub(crate) async fn with(broker: Broker, url: &str) -> Self {
        let connections = kit::database::connect(url).await.expect("a URL");
        let pool = PgPoolOptions::new().max_connections(3).connect_lazy(url).expect("a URL");
        sqlx::raw_sql(TABLES).execute(&pool).await.expect("tables");
        let topic = unique("order_events");
        let dead = format!("{topic}.dlt");
        broker.create(&[&topic, &dead]).await;
        Self { broker, pool, connections, topic, dead, group: unique("ledger") }
    }

    pub(crate) fn event(&self, key: &str, n: i32) -> Event {
        Event::new(&self.topic, "test", key, "counted", &json!({ "n": n })).expect("JSON")
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings { brokers: self.broker.brokers(), client_id: "test".to_owned() }
    }

    pub(crate) fn relay(&self) -> (Running, Wake) {
        let (relay, wake) = Relay::new(&self.settings(), PgOutbox::new(self.connections.clone())).expect("a client");
        (Running::start(|shutdown| relay.run(shutdown)), wake)
    }

    pub(crate) fn consumer(&self, ledger: &Ledger) -> Running {
        self.consumer_of(&self.group, &self.topic, ledger)
    }

    pub(crate) fn consumer_of(&self, group: &str, topic: &str, ledger: &Ledger) -> Running {
        let consumer = Consumer::new(&self.settings(), group, &[topic], self.connections.clone(), ledger.clone())
            .expect("a client");
        Running::start(|shutdown| consumer.run(shutdown))
    }

    /// Commits an event as a service does.
    pub(crate) async fn commit(&self, key: &str, n: i32) -> Event {
        let event = self.event(key, n);
        let mut transaction = self.pool.begin().await.expect("begun");
        bus::outbox::insert(&mut transaction, &event).await.expect("inserted");
        transaction.commit().await.expect("committed");
        event
    }

    pub(crate) async fn waiting(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&self.pool).await.expect("counted")
    }

    pub(crate) async fn published_all(&self) {
        testkit::eventually(LONG, "the outbox is empty", async || (self.waiting().await == 0).then_some(())).await;
    }

    /// What the handler did, in its order.
    pub(crate) async fn effects(&self) -> Vec<(String, i32)> {
        sqlx::query_as("SELECT key, n FROM effects ORDER BY seq").fetch_all(&self.pool).await.expect("read")
    }

    /// What the handler did for a key, in its order.
    pub(crate) async fn applied(&self, key: &str) -> Vec<i32> {
        self.effects().await.into_iter().filter(|(of, _)| of == key).map(|(_, n)| n).collect()
    }

    pub(crate) async fn eventually_applied(&self, key: &str, expected: &[i32]) {
        let what = format!("{} events of {key} are applied in order", expected.len());
        testkit::eventually(LONG, &what, async || (self.applied(key).await == expected).then_some(())).await;
    }

    /// Publishes a record as it is, past the outbox.
    pub(crate) async fn publish(&self, key: Option<&str>, value: Option<&[u8]>, headers: &[(&str, &[u8])]) {
        let producer: FutureProducer = self.client().create().expect("a client");
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(*value) }));
        let mut record = FutureRecord::<str, [u8]>::to(&self.topic).headers(headers);
        record.key = key;
        record.payload = value;
        if let Err((error, _)) = producer.send(record, LONG).await {
            panic!("{error}");
        }
    }

    pub(crate) async fn publish_event(&self, event: &Event) {
        let id = event.id.to_string();
        self.publish(
            Some(&event.key),
            Some(&event.value),
            &[("ce_id", id.as_bytes()), ("ce_type", event.kind.as_bytes())],
        )
        .await;
    }

    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.broker.brokers())
            .set("reconnect.backoff.max.ms", "100")
            .set("message.max.bytes", "8388608")
            .set("partitioner", "murmur2_random");
        config
    }

    /// A member-less client of the consumers' group.
    pub(crate) fn observer(&self) -> BaseConsumer {
        self.client().set("group.id", &self.group).set("enable.auto.commit", "false").create().expect("a client")
    }

    /// All that a topic has at the moment, partition by partition.
    pub(crate) async fn records(&self, topic: &str) -> Vec<OwnedMessage> {
        let (reader, topic) = (self.observer(), topic.to_owned());
        let read = move || {
            let mut list = TopicPartitionList::new();
            let mut missing = 0;
            for partition in 0..PARTITIONS {
                let (low, high) = reader.fetch_watermarks(&topic, partition, LONG).expect("answered");
                list.add_partition_offset(&topic, partition, Offset::Offset(low)).expect("an offset");
                missing += high - low;
            }
            reader.assign(&list).expect("assigned");
            let mut records: Vec<_> =
                (0..missing).map(|_| reader.poll(LONG).expect("in time").expect("a record").detach()).collect();
            records.sort_by_key(|record| (record.partition(), record.offset()));
            records
        };
        tokio::task::spawn_blocking(read).await.expect("no panic")
    }

    /// What the group has committed, as the broker tells it; -1 where it has nothing.
    pub(crate) async fn committed(&self) -> Vec<i64> {
        let (reader, topic) = (self.observer(), self.topic.clone());
        let read = move || {
            let mut list = TopicPartitionList::new();
            list.add_partition_range(&topic, 0, PARTITIONS - 1);
            let list = reader.committed_offsets(list, LONG).expect("answered");
            list.elements()
                .iter()
                .map(|partition| if let Offset::Offset(offset) = partition.offset() { offset } else { -1 })
                .collect()
        };
        tokio::task::spawn_blocking(read).await.expect("no panic")
    }
}

/// The first header of that name.
pub(crate) fn header(record: &OwnedMessage, name: &str) -> Option<String> {
    let value = record.headers()?.iter().find(|header| header.key == name)?.value?;
    Some(String::from_utf8_lossy(value).into_owned())
}

pub(crate) fn n(record: &OwnedMessage) -> i64 {
    let value: serde_json::Value = serde_json::from_slice(record.payload().expect("a value")).expect("JSON");
    value["data"]["n"].as_i64().expect("a number")
}

/// Numbers by key, in the order of the topic, each event at its first appearance.
pub(crate) fn by_key(records: &[OwnedMessage]) -> HashMap<String, Vec<i64>> {
    let mut seen = HashSet::new();
    let mut keys: HashMap<String, Vec<i64>> = HashMap::new();
    for record in records.iter().filter(|record| seen.insert(header(record, "ce_id"))) {
        keys.entry(String::from_utf8_lossy(record.key().unwrap_or_default()).into_owned()).or_default().push(n(record));
    }
    keys
}

/// A relay, consumer or tail at work; it ends in an orderly way, at the latest with its test.
pub(crate) struct Running {
    shutdown: Shutdown,
    task: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start<F>(run: impl FnOnce(Shutdown) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let shutdown = Shutdown::new();
        Self { task: Some(tokio::spawn(run(shutdown.clone()))), shutdown }
    }

    pub(crate) async fn end(mut self) {
        self.shutdown.begin();
        self.task.take().expect("it runs").await.expect("no panic");
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) fn kill(mut self) {
        self.task.take().expect("it runs").abort();
    }
}

/// A consumer that is dropped without this leaves its group only when the broker is gone already, and waits for it.
impl Drop for Running {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.shutdown.begin();
            let ended = tokio::task::block_in_place(|| Handle::current().block_on(timeout(LONG, task)));
            assert!(std::thread::panicking() || ended.is_ok(), "it does not end");
        }
    }
}

/// Writes down what it gets, and fails as told: negative numbers are refused, and keys can be away.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) away: Arc<Mutex<HashSet<String>>>,
    pub(crate) tolerant: Arc<Mutex<bool>>,
    pub(crate) attempts: Arc<Mutex<HashMap<String, u32>>>,
    pub(crate) refusals: Arc<Mutex<HashSet<String>>>,
}

impl Ledger {
    pub(crate) fn set_away(&self, key: &str, away: bool) {
        let mut keys = self.away.lock().expect("no panic");
        if away {
            keys.insert(key.to_owned())
        } else {
            keys.remove(key)
        };
    }

    pub(crate) fn tolerate(&self) {
        *self.tolerant.lock().expect("no panic") = true;
    }

    pub(crate) async fn refused(&self, key: &str) {
        let what = format!("{key} was refused");
        testkit::eventually(LONG, &what, async || self.refusals.lock().expect("no panic").contains(key).then_some(()))
            .await;
    }

    pub(crate) async fn tried(&self, key: &str, times: u32) {
        let what = format!("{key} was tried {times} times");
        testkit::eventually(LONG, &what, async || {
            (self.attempts.lock().expect("no panic").get(key).copied().unwrap_or_default() >= times).then_some(())
        })
        .await;
    }
}

#[async_trait]
impl Handler for Ledger {
    async fn handle(&self, transaction: &mut PgConnection, event: &Received) -> Result<(), HandleError> {
        #[derive(serde::Deserialize)]
        struct Counted {
            n: i32,
        }
        *self.attempts.lock().expect("no panic").entry(event.key.clone()).or_default() += 1;
        if event.kind != "counted" {
            return Ok(());
        }
        let Counted { n } = event.data()?;
        sqlx::query("INSERT INTO effects (key, n) VALUES ($1, $2)")
            .bind(&event.key)
            .bind(n)
            .execute(transaction)
            .await?;
        if self.away.lock().expect("no panic").contains(&event.key) {
            return Err(HandleError::Unavailable(anyhow::anyhow!("{} is away", event.key)));
        }
        assert!(n != -13, "a handler with a mistake in it");
        if n < 0 && !*self.tolerant.lock().expect("no panic") {
            self.refusals.lock().expect("no panic").insert(event.key.clone());
            return Err(HandleError::Refused("it is negative".to_owned()));
        }
        Ok(())
    }
}
