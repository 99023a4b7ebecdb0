use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::topic_partition_list::TopicPartitionList;
use tokio::time::{Instant, timeout_at};

use super::Context;
use super::lane::Lane;
use super::work::Work;

/// A lane that has more waiting is paused, ...
const HIGH: usize = 256;
/// ... until it has only this many.
const LOW: usize = 64;

/// The partitions that this member has records of.
#[derive(Default)]
pub(crate) struct Lanes(Mutex<HashMap<(String, i32), Lane>>);

impl Lanes {
    /// Puts a record into its partition's lane, and pauses the partition if the lane is full.
    pub(crate) fn push(&self, record: OwnedMessage, consumer: &Arc<StreamConsumer<Context>>, work: &Arc<Work>) {
        let partition = (record.topic().to_owned(), record.partition());
        let mut lanes = self.lock();
        let lane =
            lanes.entry(partition.clone()).or_insert_with(|| Lane::start(Arc::downgrade(consumer), work.clone()));
        lane.push(record);
        if lane.waiting() >= HIGH && !lane.paused {
            match consumer.pause(&list([&partition])) {
                Ok(()) => lane.paused = true,
                Err(error) => tracing::debug!("can't pause {partition:?}: {error}"),
            }
        }
    }

    pub(crate) fn any_paused(&self) -> bool {
        self.lock().values().any(|lane| lane.paused)
    }

    /// Lets the partitions flow again whose lanes have room.
    pub(crate) fn resume(&self, consumer: &StreamConsumer<Context>) {
        for (partition, lane) in self.lock().iter_mut().filter(|(_, lane)| lane.paused && lane.waiting() <= LOW) {
            match consumer.resume(&list([partition])) {
                Ok(()) => lane.paused = false,
                Err(error) => tracing::debug!("can't resume {partition:?}: {error}"),
            }
        }
    }

    /// The partition belongs to another member now: what is at work is rolled back, unless it is committed already, and
    /// then the other member finds its id in the inbox.
    pub(crate) fn end(&self, topic: &str, partition: i32) {
        self.lock().remove(&(topic.to_owned(), partition));
    }

    /// Lets each lane finish the record it works on, all together for as long as `limit`.
    pub(crate) async fn finish(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let lanes: Vec<Lane> = self.lock().drain().map(|(_, lane)| lane).collect();
        lanes.iter().for_each(Lane::stop);
        for mut lane in lanes {
            if timeout_at(deadline, lane.ended()).await.is_err() {
                tracing::warn!("a handler was still at work at the end; its event will be delivered again");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, i32), Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends all lanes when a consumer is dropped in the middle of its work: nobody would store the offsets of what they do.
pub(crate) struct EndAll(pub(crate) Arc<Lanes>);

impl Drop for EndAll {
    fn drop(&mut self) {
        self.0.lock().clear();
    }
}

fn list<'a>(partitions: impl IntoIterator<Item = &'a (String, i32)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in partitions {
        list.add_partition(topic, *partition);
    }
    list
}
