//! A broker in this process, clients for it, and waiting for conditions instead of sleeping.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::OwnedMessage;
use rdkafka::producer::{FutureProducer, FutureRecord};
use shopctl_broker::{Broker, Config, Error};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Nothing here takes so long unless it is broken.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) dir: TempDir,
    stop: oneshot::Sender<()>,
    /// With a runtime of its own: a consumer that is dropped blocks its thread until the broker has answered.
    thread: JoinHandle<()>,
}

pub(crate) async fn start() -> Running {
    start_with(|_| {}).await
}

pub(crate) async fn start_with(configure: impl FnOnce(&mut Config)) -> Running {
    let dir = tempfile::tempdir().expect("temporary directory");
    open(dir, SocketAddr::from(([127, 0, 0, 1], 0)), configure)
}

fn open(dir: TempDir, listen: SocketAddr, configure: impl FnOnce(&mut Config)) -> Running {
    let mut config = Config::new(dir.path(), listen);
    configure(&mut config);
    let broker = opened(&config);
    let address = broker.local_addr();
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        // A sender that is gone is as good as a word.
        let shutdown = async { stopped.await.unwrap_or(()) };
        runtime.expect("a runtime").block_on(broker.run(shutdown)).expect("the broker runs");
    });
    Running { address, dir, stop, thread }
}

fn opened(config: &Config) -> Broker {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match Broker::open(config.clone()) {
            Ok(broker) => return broker,
            // Between fork and exec, a process that another test starts has all files of this one open.
            Err(Error::AddressTaken { .. } | Error::DataInUse(_)) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("the broker does not open: {error}"),
        }
    }
}

impl Running {
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    async fn stop(self) -> (TempDir, SocketAddr) {
        self.stop.send(()).expect("the broker runs");
        let ended = tokio::task::spawn_blocking(|| self.thread.join());
        ended.await.expect("joined").expect("the broker stops");
        (self.dir, self.address)
    }

    /// The same data and address again.
    pub(crate) async fn restart(self) -> Running {
        self.restart_after(|| {}).await
    }

    /// The same, with something done to the data in between.
    pub(crate) async fn restart_after(self, act: impl FnOnce()) -> Running {
        let (dir, address) = self.stop().await;
        act();
        open(dir, address, |_| {})
    }

    pub(crate) fn client(&self) -> ClientConfig {
        client(self.address)
    }

    pub(crate) fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("admin client")
    }

    pub(crate) fn producer(&self) -> FutureProducer {
        self.client().set("enable.idempotence", "true").set("linger.ms", "0").create().expect("producer")
    }

    pub(crate) fn consumer(&self, group: &str) -> StreamConsumer {
        consumer(self.client(), group)
    }

    pub(crate) async fn topic(&self, name: &str, partitions: i32) {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let created = self.admin().create_topics([&topic], &AdminOptions::new()).await.expect("an answer");
        assert_eq!(created, [Ok(name.to_owned())]);
    }

    /// Sends one message and returns partition and offset.
    pub(crate) async fn send(&self, producer: &FutureProducer, topic: &str, key: &str, value: &str) -> (i32, i64) {
        let record = FutureRecord::to(topic).key(key).payload(value);
        let delivery = producer.send(record, DEADLINE).await.expect("delivered");
        (delivery.partition, delivery.offset)
    }
}

pub(crate) fn client(address: SocketAddr) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", address.to_string())
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "500");
    config
}

pub(crate) fn consumer(mut config: ClientConfig, group: &str) -> StreamConsumer {
    config
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "500")
        .set("topic.metadata.refresh.interval.ms", "500")
        .create()
        .expect("consumer")
}

/// The next messages, as many as said.
pub(crate) async fn take(consumer: &StreamConsumer, count: usize) -> Vec<OwnedMessage> {
    let mut messages = Vec::with_capacity(count);
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while messages.len() < count {
        let received = tokio::time::timeout_at(deadline, consumer.recv()).await;
        match received.unwrap_or_else(|_| panic!("{} of {count} messages came", messages.len())) {
            Ok(message) => messages.push(message.detach()),
            // A topic that does not exist yet, or a broker that is restarted: told, and tried again.
            Err(error) => assert!(consumer.assignment().is_ok(), "consumer is gone: {error}"),
        }
    }
    messages
}

/// Polls until there is a value.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut poll: impl FnMut() -> F) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = poll().await {
            return value;
        }
        assert!(started.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How often, from the environment: CONTRIBUTING.md says what there is.
pub(crate) fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |value| value.parse().expect("a number"))
}

/// The same, of something that is promised for so many: `ATTACK_STRICT=1` asks for them.
pub(crate) fn promised(variable: &str, promised: usize, otherwise: usize) -> usize {
    number(variable, if number("ATTACK_STRICT", 0) == 0 { otherwise } else { promised })
}
