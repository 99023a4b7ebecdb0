//! Publishing by hand, as the shop's services do it.

mod draft;

use std::time::Duration;

use rdkafka::{
    error::KafkaError,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, future_producer::DeliveryFuture},
};

use crate::{
    Error,
    asker::{self, Asker},
    client,
};

pub use draft::{Malformed, read};

/// How many records may be under way at once.
const TOGETHER: usize = 1000;
/// How long the broker may take to have a record.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is to become a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// By its key if none is given, as the shop's services do.
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Where a record stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Place {
    pub partition: i32,
    pub offset: i64,
}

/// An idempotent producer: what it tries again does not stand there twice.
pub struct Publisher {
    producer: FutureProducer,
    brokers: String,
}

impl Publisher {
    /// # Errors
    /// When there can be no client. A broker that is away is none yet.
    pub fn new(brokers: &str) -> Result<Self, Error> {
        let mut config = client::config(brokers);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "0")
            .set("message.timeout.ms", PATIENCE.as_millis().to_string())
            // How large a record may be is the topic's business; the library's own limit is below Kafka's.
            .set("message.max.bytes", "8388608")
            // That of the services: events of a key stay in one partition whoever publishes them.
            .set("partitioner", "murmur2_random");
        let producer = config.create().map_err(|source| Error::Client { brokers: brokers.to_owned(), source })?;
        Ok(Self { producer, brokers: brokers.to_owned() })
    }

    /// Publishes to a topic in this order, and tells where each record stands, or the error of the first that failed. Those
    /// that were told of before it are there; those after it may be.
    ///
    /// # Errors
    /// When the broker does not answer, refuses a record, or has no such topic.
    pub async fn publish(
        &self,
        topic: &str,
        records: &[Outgoing],
        mut told: impl FnMut(usize, Place),
    ) -> Result<(), Error> {
        let name = topic.to_owned();
        // A producer would wait for a topic to come into being.
        Asker::new(&self.brokers)?.ask(move |asker| asker::partitions(asker, &name).map(drop)).await?;
        let failed = |error| {
            let (brokers, topic) = (self.brokers.clone(), topic.to_owned());
            Error::Publish { brokers, topic, source: Box::new(error) }
        };
        for (chunk, some) in records.chunks(TOGETHER).enumerate() {
            let under_way: Result<Vec<DeliveryFuture>, _> =
                some.iter().map(|record| self.send(topic, record)).collect();
            for (at, delivery) in under_way.map_err(failed)?.into_iter().enumerate() {
                let delivered = delivery.await.map_err(|_| KafkaError::Canceled);
                let delivery = delivered.and_then(|delivered| delivered.map_err(|(error, _)| error)).map_err(failed)?;
                told(chunk * TOGETHER + at, Place { partition: delivery.partition, offset: delivery.offset });
            }
        }
        Ok(())
    }

    fn send(&self, topic: &str, record: &Outgoing) -> Result<DeliveryFuture, KafkaError> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: value.as_deref() });
        }
        let mut outgoing = FutureRecord::<[u8], [u8]>::to(topic).headers(headers);
        (outgoing.partition, outgoing.key) = (record.partition, record.key.as_deref());
        outgoing.payload = record.value.as_deref();
        self.producer.send_result(outgoing).map_err(|(error, _)| error)
    }
}
