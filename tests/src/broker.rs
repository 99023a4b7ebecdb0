//! The embedded broker, in this process.

use std::{
    net::SocketAddr,
    path::Path,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    topic_partition_list::TopicPartitionListElem,
};
use shopctl_broker::{Config, Error};
use shopctl_kafka::{Event, Tail, tail::Start};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::port::Port;

/// How long what a stopped broker has closed may stay open elsewhere.
const PATIENCE: Duration = Duration::from_secs(30);

/// A broker of this test alone, with the shop's topics and data of its own that survive a stop.
pub struct Broker {
    dir: TempDir,
    port: Port,
    running: Option<Running>,
}

struct Running {
    stop: oneshot::Sender<()>,
    /// With a runtime of its own: a test that blocks its threads must not stop the broker too.
    thread: JoinHandle<()>,
}

impl Broker {
    /// # Panics
    /// When it cannot listen or write.
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().expect("the temporary folder can be written");
        let port = Port::reserve();
        let running = Some(run(&dir, port.address()));
        let broker = Self { dir, port, running };
        shopctl_kafka::topics::create(&broker.brokers()).await.expect("the topics can be created");
        broker
    }

    /// Its address for clients, the same after a restart.
    #[must_use]
    pub fn brokers(&self) -> String {
        self.port.address().to_string()
    }

    /// Where its files are, which may be changed while it is stopped.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.dir.path()
    }

    /// Everything that stands in these topics at the moment, in the order of each partition.
    ///
    /// # Panics
    /// When it does not answer, or has no such topic.
    pub async fn events(&self, topics: &[&str]) -> Vec<Event> {
        let tail = Tail::open(&self.brokers(), topics, Start::Earliest).await;
        tail.expect("the topics are there").rest().await.expect("they can be read")
    }

    /// How many records of these topics a group has not dealt with yet.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn lag(&self, group: &str, topics: &[&str]) -> i64 {
        let mut places = TopicPartitionList::new();
        for topic in topics {
            places.add_partition_range(topic, 0, 2);
        }
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers()).set("group.id", group).set("enable.auto.commit", "false");
        let ask = move || {
            let consumer: BaseConsumer = config.create().expect("a client can be made");
            let committed = consumer.committed_offsets(places, PATIENCE).expect("it answers");
            let behind = |place: &TopicPartitionListElem<'_>| {
                let (low, high) =
                    consumer.fetch_watermarks(place.topic(), place.partition(), PATIENCE).expect("it answers");
                high - if let Offset::Offset(next) = place.offset() { next } else { low }
            };
            committed.elements().iter().map(behind).sum()
        };
        tokio::task::spawn_blocking(ask).await.expect("asking does not panic")
    }

    /// Stops it as an outage would.
    ///
    /// # Panics
    /// When it is stopped already.
    pub async fn stop(&mut self) {
        let running = self.running.take().expect("it runs");
        tokio::task::spawn_blocking(|| running.end()).await.expect("ending it does not panic");
    }

    /// Starts it again, on the same port, with what it had.
    ///
    /// # Panics
    /// When it runs, or its port or folder is in use.
    pub async fn restart(&mut self) {
        assert!(self.running.is_none(), "it runs");
        self.running = Some(run(&self.dir, self.port.address()));
    }
}

impl Running {
    fn end(self) {
        // It may have failed before; joining tells.
        let _ = self.stop.send(());
        self.thread.join().expect("the broker does not panic");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.end();
        }
    }
}

fn run(dir: &TempDir, listen: SocketAddr) -> Running {
    let broker = opened(dir, listen);
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be built");
        // An ended channel is as good as a word.
        let shutdown = async { stopped.await.unwrap_or(()) };
        runtime.block_on(broker.run(shutdown)).expect("the broker runs until it is told to stop");
    });
    Running { stop, thread }
}

fn opened(dir: &TempDir, listen: SocketAddr) -> shopctl_broker::Broker {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut config = Config::new(dir.path(), listen);
        config.retention = None;
        // Tests of members that vanish need not wait the usual six seconds.
        config.min_session_timeout = Duration::from_millis(500);
        match shopctl_broker::Broker::open(config) {
            Ok(broker) => return broker,
            // Between fork and exec, a process that another test starts has all files of this one open.
            Err(Error::AddressTaken { .. } | Error::DataInUse(_)) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("the broker cannot be opened: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use shopctl_kafka::topics::{self, ORDER_EVENTS};

    use super::*;

    #[tokio::test]
    async fn a_restarted_broker_has_its_topics_at_the_same_address() {
        let mut broker = Broker::start().await;
        let before = broker.brokers();
        broker.stop().await;
        broker.restart().await;
        assert_eq!(broker.brokers(), before);
        assert!(topics::create(&before).await.expect("it answers").is_empty(), "all topics are there already");
        Tail::open(&before, &[ORDER_EVENTS], Start::Earliest).await.expect("it can be read");
    }
}
