//! Reading along some topics, without a group.

use std::collections::BTreeMap;

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _, StreamConsumer},
    error::KafkaError,
};

use crate::{
    Error, Event,
    asker::{self, Asker},
};

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the first record that is still there.
    Earliest,
    /// With what comes after it was opened.
    Latest,
    /// In each partition with the first record that is not older (milliseconds since 1970); where there is none, or that
    /// time is still to come, as [`Start::Latest`].
    Since(i64),
}

/// All partitions of some topics, in the order of arrival.
pub struct Tail {
    consumer: StreamConsumer,
    asker: Asker,
    /// Offset of the next record, by topic and partition.
    next: Positions,
}

pub(crate) type Positions = BTreeMap<(String, i32), i64>;

impl Tail {
    /// # Errors
    /// When the broker does not answer, or a topic does not exist.
    pub async fn open(brokers: &str, topics: &[&str], start: Start) -> Result<Self, Error> {
        let consumer = asker::reader(brokers).create();
        let consumer: StreamConsumer =
            consumer.map_err(|source| Error::Client { brokers: brokers.to_owned(), source })?;
        let asker = Asker::new(brokers)?;
        let topics: Vec<String> = topics.iter().map(|&topic| topic.to_owned()).collect();
        let ask = move |asker: &BaseConsumer| {
            let ranges = asker::ranges(asker, &asker::places(asker, &topics)?)?;
            asker::begin(asker, &ranges, start)
        };
        let next = asker.ask(ask).await?;
        let list = assignment(&next).map_err(|source| asker.unreachable(source))?;
        consumer.assign(&list).map_err(|source| asker.unreachable(source))?;
        Ok(Self { consumer, asker, next })
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
                Err(error) if passes(&error) => tracing::debug!(%error, "waiting for the broker"),
                Err(source) => return Err(self.asker.unreachable(source)),
            }
        }
    }

    /// Everything up to what is the end now. Topics must not end in the markers of transactions; see [`crate::Feed`].
    ///
    /// # Errors
    /// When the broker does not answer, or refuses to give more.
    pub async fn rest(&mut self) -> Result<Vec<Event>, Error> {
        let places = self.next.keys().cloned().collect();
        let ends = self.asker.ask(move |asker| asker::ranges(asker, &places)).await?;
        let mut events = Vec::new();
        while ends.iter().any(|(place, (_, end))| self.next.get(place).is_some_and(|next| next < end)) {
            events.push(self.next().await?);
        }
        Ok(events)
    }
}

pub(crate) fn assignment(places: &Positions) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for ((topic, partition), offset) in places {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}

/// Whether librdkafka goes on by itself after this.
pub(crate) fn passes(error: &KafkaError) -> bool {
    use rdkafka::types::RDKafkaErrorCode as Code;
    let passing = [Code::BrokerTransportFailure, Code::AllBrokersDown, Code::OperationTimedOut, Code::Resolve];
    error.rdkafka_error_code().is_some_and(|code| passing.contains(&code))
}
