//! Reads `product_events` from its beginning.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

pub(crate) struct Topic(StreamConsumer);

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Record {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl Topic {
    pub(crate) fn open(brokers: &str) -> Self {
        let consumer: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "unused: partitions are assigned")
            .set("enable.auto.commit", "false")
            .set("reconnect.backoff.max.ms", "500")
            .create()
            .expect("a consumer");
        let mut partitions = TopicPartitionList::new();
        for partition in 0..3 {
            partitions.add_partition_offset("product_events", partition, Offset::Beginning).expect("a valid offset");
        }
        consumer.assign(&partitions).expect("assigned");
        Self(consumer)
    }

    /// Waits for `count` records; those of one key are in order.
    pub(crate) async fn wait(&self, deadline: Duration, count: usize) -> Vec<Record> {
        let deadline = Instant::now() + deadline;
        let mut records = Vec::new();
        while records.len() < count {
            match timeout_at(deadline, self.0.recv()).await {
                Ok(Ok(message)) => records.push(record(&message)),
                // Such as a broker that is away for the moment.
                Ok(Err(_)) => tokio::task::yield_now().await,
                Err(_) => panic!("{} of {count} records were told in time", records.len()),
            }
        }
        records
    }
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    Record {
        key: text(message.key().expect("a key")),
        value: serde_json::from_slice(message.payload().expect("a value")).expect("JSON"),
        headers: headers.map(|header| (header.key.to_owned(), text(header.value.expect("a value")))).collect(),
    }
}
