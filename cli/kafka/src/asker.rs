//! Questions to the broker. librdkafka's block, so they are asked where that disturbs nobody.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};

use crate::{
    Error, client,
    tail::{Positions, Start},
};

/// On a connection of its own: a broker answers in order, and what is asked about offsets would wait behind a fetch that
/// waits for records.
#[derive(Clone)]
pub(crate) struct Asker {
    client: Arc<BaseConsumer>,
    brokers: Arc<str>,
}

/// Why there is no answer.
pub(crate) enum Failure {
    Kafka(KafkaError),
    NoTopic(String),
}

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Self {
        Self::Kafka(error)
    }
}

/// First offset, and that of the record that comes next, of each partition.
pub(crate) type Ranges = BTreeMap<(String, i32), (i64, i64)>;

impl Asker {
    pub(crate) fn new(brokers: &str) -> Result<Self, Error> {
        // Without a group's name: nothing is to be left when it ends, which takes no time then.
        let client = client::config(brokers).create();
        let client = client.map_err(|source| Error::Client { brokers: brokers.to_owned(), source })?;
        Ok(Self { client: Arc::new(client), brokers: brokers.into() })
    }

    pub(crate) fn brokers(&self) -> &str {
        &self.brokers
    }

    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&BaseConsumer) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Error> {
        let client = Arc::clone(&self.client);
        let answer = tokio::task::spawn_blocking(move || question(&client)).await;
        let answer = answer.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
        answer.map_err(|failure| match failure {
            Failure::Kafka(source) => self.unreachable(source),
            Failure::NoTopic(topic) => Error::NoTopic(topic),
        })
    }

    pub(crate) fn unreachable(&self, source: KafkaError) -> Error {
        Error::Unreachable { brokers: self.brokers.to_string(), source }
    }
}

/// A client that reads, and leaves no trace.
pub(crate) fn reader(brokers: &str) -> ClientConfig {
    let mut config = client::config(brokers);
    // librdkafka wants a name; nothing is ever joined or committed under it.
    config.set("group.id", "shopctl-tail").set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
    config
}

/// The partitions of a topic. Blocks.
pub(crate) fn partitions(asker: &BaseConsumer, topic: &str) -> Result<Vec<i32>, Failure> {
    let metadata = asker.fetch_metadata(Some(topic), client::ANSWER)?;
    let found: Vec<i32> =
        metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id()).collect();
    if found.is_empty() { Err(Failure::NoTopic(topic.to_owned())) } else { Ok(found) }
}

/// The partitions of all topics but those that the broker keeps for itself. Blocks.
pub(crate) fn all_partitions(asker: &BaseConsumer, patience: Duration) -> Result<BTreeSet<(String, i32)>, Failure> {
    let metadata = asker.fetch_metadata(None, patience)?;
    let topics = metadata.topics().iter().filter(|topic| !topic.name().starts_with("__"));
    let places = topics.flat_map(|topic| topic.partitions().iter().map(|part| (topic.name().to_owned(), part.id())));
    Ok(places.collect())
}

/// The same of some topics, which must be there; of all without a name. Blocks.
pub(crate) fn places(asker: &BaseConsumer, topics: &[String]) -> Result<BTreeSet<(String, i32)>, Failure> {
    if topics.is_empty() {
        return all_partitions(asker, client::ANSWER);
    }
    let mut places = BTreeSet::new();
    for topic in topics {
        places.extend(partitions(asker, topic)?.into_iter().map(|partition| (topic.clone(), partition)));
    }
    Ok(places)
}

/// What stands in partitions now. Blocks.
pub(crate) fn ranges(asker: &BaseConsumer, places: &BTreeSet<(String, i32)>) -> Result<Ranges, Failure> {
    let range = |place: &(String, i32)| {
        let range = client::watermarks(asker.client(), &place.0, place.1)?;
        Ok((place.clone(), range))
    };
    places.iter().map(range).collect()
}

/// Where reading begins in each of these partitions. Blocks.
pub(crate) fn begin(asker: &BaseConsumer, ranges: &Ranges, start: Start) -> Result<Positions, Failure> {
    match start {
        Start::Earliest => Ok(ranges.iter().map(|(place, (low, _))| (place.clone(), *low)).collect()),
        Start::Latest => Ok(ranges.iter().map(|(place, (_, high))| (place.clone(), *high)).collect()),
        Start::Since(millis) => since(asker, ranges, millis),
    }
}

/// The first record that is not older, or the end. Blocks.
pub(crate) fn since(asker: &BaseConsumer, ranges: &Ranges, millis: i64) -> Result<Positions, Failure> {
    let mut asked = TopicPartitionList::new();
    for (topic, partition) in ranges.keys() {
        // Below 0 are no times but words of the protocol.
        asked.add_partition_offset(topic, *partition, Offset::Offset(millis.max(0)))?;
    }
    let found = if ranges.is_empty() { asked } else { asker.offsets_for_times(asked, client::ANSWER)? };
    let found = found.to_topic_map();
    let position = |(place, (low, high)): (&(String, i32), &(i64, i64))| {
        let offset = match found.get(place) {
            Some(Offset::Offset(offset)) => (*offset).max(*low),
            Some(_) | None => *high,
        };
        (place.clone(), offset)
    };
    Ok(ranges.iter().map(position).collect())
}
