//! Reading along, without a group.

use std::{collections::BTreeMap, sync::Arc};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _, StreamConsumer},
    error::KafkaError,
};

use crate::{Error, Event, client};

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the first record that is still there.
    Earliest,
    /// With what comes after [`Tail::open`] has returned.
    Latest,
}

/// All partitions of some topics, in the order of arrival.
pub struct Tail {
    consumer: StreamConsumer,
    /// On a connection of its own: a broker answers in order, and what is asked about offsets would wait behind a fetch
    /// that waits for records.
    asker: Arc<BaseConsumer>,
    brokers: String,
    /// Offset of the next record, by topic and partition.
    next: Positions,
}

type Positions = BTreeMap<(String, i32), i64>;

impl Tail {
    /// # Errors
    /// When the broker does not answer, or a topic does not exist.
    pub async fn open(brokers: &str, topics: &[&str], start: Start) -> Result<Self, Error> {
        let mut config = client::config(brokers);
        // librdkafka wants a name; nothing is ever joined or committed under it.
        config.set("group.id", "shopctl-tail").set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
        let failed = |source| Error::Client { brokers: brokers.to_owned(), source };
        let (consumer, asker) = (config.create().map_err(failed)?, config.create().map_err(failed)?);
        let mut tail = Self { consumer, asker: Arc::new(asker), brokers: brokers.to_owned(), next: Positions::new() };
        let topics: Vec<String> = topics.iter().map(|&topic| topic.to_owned()).collect();
        let ask = move |asker: &BaseConsumer| {
            let mut next = Positions::new();
            for topic in &topics {
                for partition in partitions(asker, topic)? {
                    let (low, high) = client::watermarks(asker.client(), topic, partition)?;
                    let offset = match start {
                        Start::Earliest => low,
                        Start::Latest => high,
                    };
                    next.insert((topic.clone(), partition), offset);
                }
            }
            Ok(next)
        };
        tail.next = tail.ask(ask).await?;
        let mut list = TopicPartitionList::new();
        let mut assign = || -> Result<(), KafkaError> {
            for ((topic, partition), offset) in &tail.next {
                list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
            }
            tail.consumer.assign(&list)
        };
        assign().map_err(|source| Error::Unreachable { brokers: brokers.to_owned(), source })?;
        Ok(tail)
    }

    /// Waits for the next record. May be dropped while it waits: nothing gets lost.
    ///
    /// # Errors
    /// When the broker refuses to give more; an outage is waited out.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            match self.consumer.recv().await {
                Ok(message) => {
                    let event = Event::decode(&message);
                    self.next.insert((event.topic.clone(), event.partition), event.offset + 1);
                    return Ok(event);
                }
                Err(error) if error.rdkafka_error_code().is_some_and(passes) => {
                    tracing::debug!(%error, "waiting for the broker");
                }
                Err(source) => return Err(Error::Unreachable { brokers: self.brokers.clone(), source }),
            }
        }
    }

    /// Everything up to what is the end now.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses to give more.
    pub async fn rest(&mut self) -> Result<Vec<Event>, Error> {
        let places: Vec<(String, i32)> = self.next.keys().cloned().collect();
        let ask = |asker: &BaseConsumer| {
            let end = |place: (String, i32)| {
                let (_, high) = client::watermarks(asker.client(), &place.0, place.1)?;
                Ok((place, high))
            };
            places.into_iter().map(end).collect()
        };
        let ends: Positions = self.ask(ask).await?;
        let mut events = Vec::new();
        while ends.iter().any(|(place, end)| self.next.get(place).is_some_and(|next| next < end)) {
            events.push(self.next().await?);
        }
        Ok(events)
    }

    /// librdkafka's questions about offsets block.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&BaseConsumer) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Error> {
        let asker = Arc::clone(&self.asker);
        let answer = tokio::task::spawn_blocking(move || question(&asker)).await;
        let answer = answer.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
        answer.map_err(|failure| match failure {
            Failure::Kafka(source) => Error::Unreachable { brokers: self.brokers.clone(), source },
            Failure::NoTopic(topic) => Error::NoTopic(topic),
        })
    }
}

enum Failure {
    Kafka(KafkaError),
    NoTopic(String),
}

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Self {
        Self::Kafka(error)
    }
}

fn partitions(asker: &BaseConsumer, topic: &str) -> Result<Vec<i32>, Failure> {
    let metadata = asker.fetch_metadata(Some(topic), client::ANSWER)?;
    let found: Vec<i32> =
        metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id()).collect();
    if found.is_empty() { Err(Failure::NoTopic(topic.to_owned())) } else { Ok(found) }
}

/// Whether librdkafka goes on by itself after this.
fn passes(code: rdkafka::types::RDKafkaErrorCode) -> bool {
    use rdkafka::types::RDKafkaErrorCode as Code;
    matches!(code, Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut | Code::Resolve)
}
