//! Apache Kafka, in a container.

use std::{
    net::SocketAddr,
    sync::OnceLock,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
    metadata::{Metadata, MetadataTopic},
};

use crate::{
    docker::{self, Container, Spec},
    port::Port,
};

/// Names another image than [`IMAGE`], such as the official one.
const IMAGE_VARIABLE: &str = "SHOPCTL_TEST_KAFKA_IMAGE";
const IMAGE: &str = "shopctl-test/kafka:4.4.0";

/// From the start of the container to the first answer, on a machine that is busy compiling. It takes 2 to 4 s on one
/// that is not.
const START_DEADLINE: Duration = Duration::from_secs(120);
/// What one question may take meanwhile.
const ANSWER: Duration = Duration::from_secs(1);

/// One node that is broker and controller, as in `compose/infra.yaml`.
const ENVIRONMENT: [(&str, &str); 21] = [
    ("KAFKA_NODE_ID", "1"),
    ("KAFKA_PROCESS_ROLES", "broker,controller"),
    ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@127.0.0.1:9093"),
    ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
    ("KAFKA_LISTENERS", "HOST://0.0.0.0:9092,CONTAINER://0.0.0.0:19092,CONTROLLER://127.0.0.1:9093"),
    ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "HOST:PLAINTEXT,CONTAINER:PLAINTEXT,CONTROLLER:PLAINTEXT"),
    ("KAFKA_INTER_BROKER_LISTENER_NAME", "CONTAINER"),
    ("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false"),
    ("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1"),
    ("KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS", "4"),
    ("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1"),
    ("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1"),
    ("KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS", "4"),
    ("KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR", "1"),
    ("KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR", "1"),
    ("KAFKA_SHARE_COORDINATOR_STATE_TOPIC_NUM_PARTITIONS", "1"),
    ("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0"),
    ("KAFKA_HEAP_OPTS", "-Xms256m -Xmx512m"),
    ("KAFKA_JVM_PERFORMANCE_OPTS", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"),
    // A broker that was killed may not register again before the session of its last life is over; the default is 9 s.
    ("KAFKA_BROKER_SESSION_TIMEOUT_MS", "2000"),
    ("KAFKA_BROKER_HEARTBEAT_INTERVAL_MS", "500"),
];
const PORT: u16 = 9092;

/// Whether it can be started on this machine. Blocks the first time.
///
/// # Errors
/// Why not, in words for whoever reads the list of ignored tests.
pub fn available() -> Result<(), String> {
    static AVAILABLE: OnceLock<Result<(), String>> = OnceLock::new();
    AVAILABLE.get_or_init(|| docker::available(&image())).clone()
}

fn image() -> String {
    std::env::var(IMAGE_VARIABLE).unwrap_or_else(|_| IMAGE.to_owned())
}

/// A broker with data of its own, which survive the end of its process, and no topics at first.
pub struct Kafka {
    container: Container,
    port: Port,
}

impl Kafka {
    /// The one of this test process, which starts with the first call and ends with the process. Blocks.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One for a test that stops it. Blocks.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        let port = Port::reserve();
        let mut spec = Spec::new(&image(), PORT);
        spec.published = Some(port.address().port());
        for (name, value) in ENVIRONMENT {
            spec = spec.env(name, value);
        }
        let advertised = format!("HOST://{},CONTAINER://localhost:19092", port.address());
        let kafka = Self { container: Container::start(&spec.env("KAFKA_ADVERTISED_LISTENERS", advertised)), port };
        kafka.answers();
        kafka
    }

    /// Its address for clients, the same after a restart.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Ends its process at once, as a crash would. Blocks.
    ///
    /// # Panics
    /// When it runs no longer.
    pub fn kill(&mut self) {
        self.container.kill();
    }

    /// Starts it again after [`Kafka::kill`], at the same address and with what it had. Blocks.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.container.restart();
        self.answers();
    }

    /// From now on it takes connections and answers nothing, until [`Kafka::unpause`]. Blocks.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pause(&self) {
        self.container.pause();
    }

    /// # Panics
    /// When it is not paused.
    pub fn unpause(&self) {
        self.container.unpause();
    }

    /// Docker itself takes connections before Kafka does: only an answer is one.
    fn answers(&self) {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address().to_string()).set("reconnect.backoff.max.ms", "100");
        // What it tells while nobody answers is no news.
        config.set("log_level", "0");
        let client: BaseConsumer = config.create().expect("a client can be made");
        self.container.wait(START_DEADLINE, |_| {
            let asked = Instant::now();
            let answer = client.fetch_metadata(None, ANSWER).is_ok_and(|known| leads(&client, &known));
            // A client that fails at once would keep asking.
            if !answer && asked.elapsed() < ANSWER / 20 {
                std::thread::sleep(ANSWER / 20);
            }
            answer
        });
    }
}

/// Whether it is up, and leads all its partitions: the first moment after a start it does not.
fn leads(client: &BaseConsumer, known: &Metadata) -> bool {
    let leads = |topic: &MetadataTopic| {
        let mut partitions = topic.partitions().iter();
        partitions.all(|partition| client.fetch_watermarks(topic.name(), partition.id(), ANSWER).is_ok())
    };
    !known.brokers().is_empty() && known.topics().iter().all(leads)
}
