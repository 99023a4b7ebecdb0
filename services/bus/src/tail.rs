use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kit::Shutdown;
use rdkafka::consumer::{Consumer as _, ConsumerContext, StreamConsumer};
use rdkafka::message::BorrowedMessage;
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::{broadcast, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::received::Received;
use crate::settings::{Error, Log, Settings};

/// Events that a slow listener may be behind before it misses some.
const BEHIND: usize = 1024;
/// How often the broker is asked whether it is there.
const PROBE: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

impl ConsumerContext for Log {}

/// Reads topics from their end on, without a group: every process sees everything, and leaves no trace at the broker.
pub struct Tail {
    inner: Arc<StreamConsumer<Log>>,
    topics: Vec<String>,
    events: broadcast::Sender<Arc<Received>>,
    connected: watch::Sender<bool>,
}

/// Where listeners get what a [`Tail`] reads. Clones are of the same tail.
#[derive(Debug, Clone)]
pub struct Feed {
    events: broadcast::Sender<Arc<Received>>,
    connected: watch::Receiver<bool>,
}

impl Feed {
    /// All events from now on. A listener that gets `Lagged` has missed some and should look at the state again.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Received>> {
        self.events.subscribe()
    }

    /// Whether events arrive at present. While they do not, they are late, not lost; only what was published before the
    /// first connection is not seen.
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.connected.clone()
    }
}

impl Tail {
    /// # Errors
    /// The Kafka client can't be made. A broker that is away, or topics that do not exist yet, are no error.
    pub fn new(settings: &Settings, topics: &[&str]) -> Result<(Self, Feed), Error> {
        let inner = Arc::new(settings.tail().create_with_context(Log)?);
        let (events, connected) = (broadcast::Sender::new(BEHIND), watch::Sender::new(false));
        let feed = Feed { events: events.clone(), connected: connected.subscribe() };
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        Ok((Self { inner, topics, events, connected }, feed))
    }

    /// Reads until the shutdown begins.
    pub async fn run(self, shutdown: Shutdown) {
        tokio::select! {
            () = self.read() => {}
            () = self.watch() => {}
            () = shutdown.begun() => {}
        }
        self.connected.send_replace(false);
        let closed = tokio::task::spawn_blocking(move || drop(self.inner));
        if timeout(ANSWER, closed).await.is_err() {
            tracing::warn!("the tail did not close within {} s", ANSWER.as_secs());
        }
    }

    async fn read(&self) {
        loop {
            match self.inner.recv().await {
                Ok(record) => self.tell(&record),
                Err(error) => {
                    tracing::debug!("can't read for the moment: {error}");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn tell(&self, record: &BorrowedMessage<'_>) {
        match Received::parse(&record.detach()) {
            // No listener is no error.
            Ok(event) => drop(self.events.send(Arc::new(event))),
            Err(malformed) => tracing::debug!("passed over a record: {malformed}"),
        }
    }

    /// Finds the partitions, also those that are added later, and asks again and again whether the broker is there.
    async fn watch(&self) {
        let mut known = Positions::new();
        let mut probe = interval(PROBE);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            probe.tick().await;
            let connected = match self.follow(&mut known).await {
                Ok(()) => true,
                Err(error) => {
                    tracing::debug!("the tail is not connected: {error:#}");
                    false
                }
            };
            self.connected.send_if_modified(|told| std::mem::replace(told, connected) != connected);
        }
    }

    /// Reads the partitions that are not read yet. An error means that the broker is away or a topic is missing.
    async fn follow(&self, known: &mut Positions) -> anyhow::Result<()> {
        let (inner, topics, before) = (self.inner.clone(), self.topics.clone(), known.clone());
        let new = tokio::task::spawn_blocking(move || find(&inner, &topics, &before)).await??;
        if !new.is_empty() {
            let mut list = TopicPartitionList::new();
            for ((topic, partition), offset) in &new {
                list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
            }
            self.inner.incremental_assign(&list)?;
            known.extend(new);
        }
        Ok(())
    }
}

/// Where to read each partition from.
type Positions = BTreeMap<(String, i32), i64>;

/// The partitions that are not `known`: those of a topic's first sight from their end on, those that were added to it
/// later from their beginning.
fn find(consumer: &StreamConsumer<Log>, topics: &[String], known: &Positions) -> anyhow::Result<Positions> {
    let mut found = Positions::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
        let partitions = metadata
            .topics()
            .iter()
            .find(|found| found.name() == topic)
            .map(MetadataTopic::partitions)
            .unwrap_or_default();
        anyhow::ensure!(!partitions.is_empty(), "topic {topic} does not exist yet");
        let seen = known.keys().any(|(name, _)| name == topic);
        for partition in partitions.iter().map(MetadataPartition::id) {
            if !known.contains_key(&(topic.clone(), partition)) {
                let (low, high) = consumer.fetch_watermarks(topic, partition, ANSWER)?;
                found.insert((topic.clone(), partition), if seen { low } else { high });
            }
        }
    }
    Ok(found)
}
