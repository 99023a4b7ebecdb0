//! One partition, read by a task of its own.

use std::sync::Arc;

use rdkafka::{
    consumer::{Consumer as _, DefaultConsumerContext, StreamConsumer, stream_consumer::StreamPartitionQueue},
    error::{KafkaError, KafkaResult},
    types::RDKafkaErrorCode,
};
use tokio::sync::mpsc;

use crate::{
    Event,
    client::has_no_leader_yet,
    tail::{Positions, assignment, passes},
};

/// Events of one partition that may wait: enough that neither side waits for the other's every step.
const AHEAD: usize = 256;

pub(super) enum Item {
    Event(Box<Event>),
    /// Nothing more is there at the moment.
    End,
    /// The broker refuses to give more of this topic.
    Failed(String, Box<KafkaError>),
}

/// A partition, and how far it has been told.
pub(super) struct Source {
    pub(super) items: mpsc::Receiver<Item>,
    pub(super) next: i64,
    /// Where it ended when the feed was opened.
    pub(super) end: i64,
    /// Read on the way to the end, and of after it.
    pub(super) early: Option<Box<Event>>,
}

/// A partition and what is read of it.
pub(super) type Opened = ((String, i32), mpsc::Receiver<Item>);

/// Begins to read partitions at these offsets.
pub(super) fn open(consumer: &Arc<StreamConsumer>, begin: &Positions) -> KafkaResult<Vec<Opened>> {
    let mut sources = Vec::new();
    // Before they are assigned, so that all of their records come this way. Ends are told without the topic's name: only
    // a queue for each partition says whose they are.
    for place in begin.keys() {
        let queue = consumer.split_partition_queue(&place.0, place.1);
        let unknown = KafkaError::Subscription(format!("{}/{}", place.0, place.1));
        let (to, items) = mpsc::channel(AHEAD);
        tokio::spawn(pump(place.0.clone(), queue.ok_or(unknown)?, to));
        sources.push((place.clone(), items));
    }
    if !begin.is_empty() {
        consumer.incremental_assign(&assignment(begin)?)?;
    }
    Ok(sources)
}

type Queue = StreamPartitionQueue<DefaultConsumerContext>;

/// Until nobody wants more.
async fn pump(topic: String, queue: Queue, to: mpsc::Sender<Item>) {
    forward(&topic, &queue, &to).await;
    // The last one ends the consumer, which waits for the broker.
    tokio::task::spawn_blocking(|| drop(queue));
}

async fn forward(topic: &str, queue: &Queue, to: &mpsc::Sender<Item>) {
    loop {
        let received = tokio::select! {
            received = queue.recv() => received,
            () = to.closed() => return,
        };
        let item = match received {
            Ok(message) => Item::Event(Box::new(Event::decode(&message))),
            Err(KafkaError::PartitionEOF(_)) => Item::End,
            Err(error) if passes(&error) || comes_back(&error) => {
                tracing::debug!(%error, "waiting for the broker");
                continue;
            }
            Err(error) => Item::Failed(topic.to_owned(), Box::new(error)),
        };
        if to.send(item).await.is_err() {
            return;
        }
    }
}

/// Apache Kafka says so after a start, until it knows what it leads; and a topic that was deleted may be made again.
fn comes_back(error: &KafkaError) -> bool {
    has_no_leader_yet(error) || error.rdkafka_error_code() == Some(RDKafkaErrorCode::OffsetOutOfRange)
}
