//! Records as they stand in the topics, and places of groups in them.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    message::{Headers as _, OwnedHeaders, OwnedMessage},
    producer::{FutureProducer, FutureRecord},
};
use shopctl_kafka::topics::{ORDER_EVENTS, PRODUCT_EVENTS};

use crate::shop::SETTLED;

const ANSWER: Duration = Duration::from_secs(60);

/// Blocks while it asks, for moments.
pub(super) struct Group(BaseConsumer);

impl Group {
    /// Looks at the places of a group without joining it.
    pub(super) fn at(brokers: &str, group: &str) -> Self {
        let mut config = client(brokers);
        config.set("group.id", group).set("enable.auto.commit", "false");
        Self(config.create().expect("a client can be made"))
    }

    /// How many records the group has not dealt with yet.
    pub(super) fn lag(&self) -> i64 {
        let committed = self.0.committed_offsets(partitions(), ANSWER).expect("the broker answers");
        let behind = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            let marks = self.0.fetch_watermarks(element.topic(), element.partition(), ANSWER);
            let (low, high) = marks.expect("the broker answers");
            let next = match element.offset() {
                Offset::Offset(next) => next,
                _ => low,
            };
            high - next
        };
        committed.elements().iter().map(behind).sum()
    }

    /// Sends the group, which has no member now, back to the first records.
    pub(super) fn rewind(&self) {
        let mut list = partitions();
        list.set_all_offsets(Offset::Offset(0)).expect("an offset");
        self.0.commit(&list, CommitMode::Sync).expect("nobody is in the group");
    }
}

/// Reads along without a group. Blocks while it does.
pub(super) struct Reader {
    consumer: BaseConsumer,
    topics: Vec<String>,
    /// How many records have been read, or were passed over at the start.
    read: i64,
}

impl Reader {
    /// Reads what comes from now on.
    pub(super) fn at_the_end(brokers: &str, topics: &[&str]) -> Self {
        let mut reader = Self::new(brokers, topics);
        let mut list = TopicPartitionList::new();
        for (topic, partition, end) in reader.ends() {
            list.add_partition_offset(&topic, partition, Offset::Offset(end)).expect("an offset");
            reader.read += end;
        }
        reader.consumer.assign(&list).expect("it can be read");
        reader
    }

    fn at_the_start(brokers: &str, topics: &[&str]) -> Self {
        let reader = Self::new(brokers, topics);
        let mut list = TopicPartitionList::new();
        for topic in topics {
            list.add_partition_range(topic, 0, 2);
        }
        list.set_all_offsets(Offset::Beginning).expect("an offset");
        reader.consumer.assign(&list).expect("it can be read");
        reader
    }

    fn new(brokers: &str, topics: &[&str]) -> Self {
        let mut config = client(brokers);
        config.set("group.id", "attack-reader").set("enable.auto.commit", "false");
        let consumer = config.create().expect("a client can be made");
        Self { consumer, topics: topics.iter().map(|&topic| topic.to_owned()).collect(), read: 0 }
    }

    /// As many records as that, if they come in time; their partitions are in order.
    pub(super) fn next(&mut self, count: usize, limit: Duration) -> Vec<OwnedMessage> {
        let deadline = Instant::now() + limit;
        let mut found = Vec::with_capacity(count);
        while found.len() < count {
            let record = self.consumer.poll(deadline.saturating_duration_since(Instant::now()));
            let Some(record) = record else { panic!("{} of {count} records came in time", found.len()) };
            found.push(record.expect("it can be read").detach());
        }
        self.read += i64::try_from(count).expect("a count");
        found
    }

    /// Everything up to what is the end now.
    pub(super) fn rest(&mut self) -> Vec<OwnedMessage> {
        let ends: i64 = self.ends().iter().map(|(_, _, end)| end).sum();
        self.next(usize::try_from(ends - self.read).expect("they only grow"), SETTLED)
    }

    /// The shop's topics keep everything: an end is a count, too.
    fn ends(&self) -> Vec<(String, i32, i64)> {
        let end = |topic: &String, partition| {
            let (_, high) = self.consumer.fetch_watermarks(topic, partition, ANSWER).expect("the broker answers");
            (topic.clone(), partition, high)
        };
        self.topics.iter().flat_map(|topic| (0..3).map(move |partition| end(topic, partition))).collect()
    }
}

/// All records of the two topics, in the order of their partitions.
pub(super) fn records(brokers: &str) -> Vec<OwnedMessage> {
    Reader::at_the_start(brokers, &[PRODUCT_EVENTS, ORDER_EVENTS]).rest()
}

pub(super) fn producer(brokers: &str) -> FutureProducer {
    client(brokers).set("enable.idempotence", "true").create().expect("a client can be made")
}

/// Publishes records again as they are, in their order.
pub(super) async fn republish(brokers: &str, records: &[OwnedMessage]) {
    let producer = producer(brokers);
    let mut sent = Vec::with_capacity(records.len());
    for record in records {
        let headers = record.headers().expect("the shop's records have headers");
        let mut again = FutureRecord::<[u8], [u8]>::to(record.topic()).partition(record.partition());
        again.key = record.key();
        again.payload = record.payload();
        let headers = headers.iter().fold(OwnedHeaders::new(), |all, header| all.insert(header));
        sent.push(producer.send_result(again.headers(headers)).map_err(|(error, _)| error).expect("there is room"));
    }
    for delivery in sent {
        delivery.await.expect("the producer is there").map_err(|(error, _)| error).expect("the broker takes it");
    }
}

fn partitions() -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for topic in [PRODUCT_EVENTS, ORDER_EVENTS] {
        list.add_partition_range(topic, 0, 2);
    }
    list
}

fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("reconnect.backoff.ms", "50").set("reconnect.backoff.max.ms", "500");
    // How large a record may be is the topic's business.
    config.set("message.max.bytes", "8388608");
    config
}

/// Whether the shop wrote it; somebody else's rubbish has no id.
pub(super) fn is_event(record: &OwnedMessage) -> bool {
    record.headers().is_some_and(|headers| headers.iter().any(|header| header.key == "ce_id"))
}
