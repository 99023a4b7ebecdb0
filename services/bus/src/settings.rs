use kit::config::{self, Lookup};
use kit::telemetry;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

/// How to reach the broker. All settings of the client library are made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `host:port`, several with commas between them.
    pub brokers: String,
    /// The name that the broker knows this client by.
    pub client_id: String,
}

/// The client library refused its configuration; a broker that is away is never an error.
#[derive(Debug, thiserror::Error)]
#[error("the Kafka client can't be made")]
pub struct Error(#[from] KafkaError);

impl Settings {
    /// Reads `KAFKA_BROKERS`.
    pub fn from_lookup(lookup: &Lookup, client_id: &str) -> Result<Self, config::Error> {
        Ok(Self { brokers: lookup.required("KAFKA_BROKERS")?, client_id: client_id.to_owned() })
    }

    /// A broker that comes back is found within half a second; the library's default of 10 s explains slow recoveries.
    fn common(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", &self.client_id)
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "500")
            .set("socket.nagle.disable", "true")
            .set("topic.metadata.refresh.interval.ms", "1000");
        config
    }

    /// The partitioner is that of the Java and Python clients, so that a key's events stay in one partition whoever
    /// publishes them.
    pub(crate) fn producer(&self) -> ClientConfig {
        let mut config = self.common();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "0")
            .set("delivery.timeout.ms", "60000")
            // How large a record may be is the topic's business; the library's own limit is below Kafka's.
            .set("message.max.bytes", "8388608")
            .set("partitioner", "murmur2_random");
        config
    }

    /// Offsets are stored by us, after the effect, and committed by the library: each half second, when a partition is
    /// taken away, and at the end. Cooperative: a member that comes or goes does not stop the partitions that stay.
    pub(crate) fn consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.reader(group);
        config
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "500")
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.offset.store", "false")
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "500");
        if let Some(interval) = telemetry::interval() {
            // The library asks nobody for what it tells.
            config.set("statistics.interval.ms", interval.as_millis().to_string());
        }
        config
    }

    /// Reads without a group. The library wants a group's name all the same; nothing is ever joined or committed.
    pub(crate) fn tail(&self) -> ClientConfig {
        let mut config = self.reader(&format!("{}-tail", self.client_id));
        config.set("enable.auto.commit", "false").set("auto.offset.reset", "latest");
        config
    }

    fn reader(&self, group: &str) -> ClientConfig {
        let mut config = self.common();
        config
            .set("group.id", group)
            .set("fetch.min.bytes", "1")
            .set("fetch.error.backoff.ms", "100")
            // A reader that has enough for the moment looks again soon; the default lets it run dry for a second.
            .set("fetch.queue.backoff.ms", "50")
            .set("queued.min.messages", "1000")
            .set("allow.auto.create.topics", "false");
        config
    }
}

/// Sends the library's own log to ours. Brokers that are away are no news: whoever waits for one says so.
pub(crate) struct Log;

impl ClientContext for Log {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!("kafka client: {facility}: {message}");
            }
            RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning
            | RDKafkaLogLevel::Notice
            | RDKafkaLogLevel::Info
            | RDKafkaLogLevel::Debug => tracing::debug!("kafka client: {facility}: {message}"),
        }
    }

    /// Comes again and again while a broker is away, and has been logged already.
    fn error(&self, _: KafkaError, _: &str) {}
}
