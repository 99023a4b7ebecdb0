//! Topics, records, and waiting.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use serde_json::json;
use shopctl_kafka::{Event, Feed, feed::Update};
use testkit::brokers::{self, unique};

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Where a broker listens.
pub(crate) trait Listens {
    fn address(&self) -> String;
}

impl Listens for brokers::Broker {
    fn address(&self) -> String {
        self.brokers()
    }
}

impl Listens for testkit::broker::Broker {
    fn address(&self) -> String {
        self.brokers()
    }
}

/// Some topics that no other test uses.
pub(crate) async fn with_topics<const N: usize>(broker: &brokers::Broker) -> [String; N] {
    let names: [String; N] = std::array::from_fn(|_| unique("events"));
    broker.create(&names.each_ref().map(String::as_str)).await;
    names
}

pub(crate) fn producer(brokers: &str) -> FutureProducer {
    ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a producer")
}

pub(crate) async fn send(broker: &impl Listens, topic: &str, key: &str, id: Option<&str>, value: &[u8]) {
    let headers: Vec<(&str, &str)> = id.map(|id| ("ce_id", id)).into_iter().collect();
    send_with(broker, topic, key, &headers, value).await;
}

/// Answers with partition and offset.
pub(crate) async fn send_with(
    broker: &impl Listens,
    topic: &str,
    key: &str,
    headers: &[(&str, &str)],
    value: &[u8],
) -> (i32, i64) {
    let mut record = FutureRecord::to(topic).key(key).payload(value);
    if !headers.is_empty() {
        let all = OwnedHeaders::new();
        record = record
            .headers(headers.iter().fold(all, |all, (key, value)| all.insert(Header { key, value: Some(*value) })));
    }
    let sent = producer(&broker.address()).send(record, DEADLINE).await.expect("the broker takes it");
    (sent.partition, sent.offset)
}

/// One with this timestamp, in this partition.
pub(crate) async fn send_at(broker: &impl Listens, topic: &str, partition: i32, timestamp: i64, key: &str) {
    let value = event("order_created");
    let record = FutureRecord::to(topic).key(key).payload(&value).partition(partition).timestamp(timestamp);
    producer(&broker.address()).send(record, DEADLINE).await.expect("the broker takes it");
}

pub(crate) fn event(kind: &str) -> Vec<u8> {
    json!({ "type": kind, "data": { "order_id": 7 } }).to_string().into_bytes()
}

/// What the feed tells next, in time.
pub(crate) async fn next(feed: &mut Feed) -> Update {
    tokio::time::timeout(DEADLINE, feed.next()).await.expect("in time").expect("it can be read")
}

/// The same, which must be an event.
pub(crate) async fn next_event(feed: &mut Feed) -> Event {
    match next(feed).await {
        Update::Event(event) => *event,
        other => panic!("an event, not {other:?}"),
    }
}
