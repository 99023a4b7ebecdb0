//! Kafka as the command line needs it: the shop's topics, reading along without a consumer group, lag, dead letters and
//! their redrive.
//!
//! Of an embedded broker that does not run, the same is read from its files.
//!
//! It must never depend on a service, nor join a group of theirs: who looks on changes nothing.

mod asker;
mod client;
mod event;
pub mod feed;
pub mod json;
pub mod lag;
pub mod letters;
mod observer;
pub mod publish;
pub mod stats;
pub mod stored;
pub mod tail;
pub mod topics;

pub use event::{Event, Record};
pub use feed::Feed;
pub use observer::Observer;
pub use stored::Stored;
pub use tail::Tail;

/// What went wrong with the broker.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot set up a client for Kafka at {brokers}: {source}")]
    Client { brokers: String, source: rdkafka::error::KafkaError },
    #[error("Kafka at {brokers} does not answer: {source}")]
    Unreachable { brokers: String, source: rdkafka::error::KafkaError },
    #[error("topic {topic} on Kafka at {brokers} cannot be read: {source}")]
    Read { brokers: String, topic: String, source: Box<rdkafka::error::KafkaError> },
    #[error("Kafka at {brokers} has given nothing for {} s", after.as_secs())]
    Silent { brokers: String, after: std::time::Duration },
    #[error("reading from Kafka at {brokers} has ended")]
    Ended { brokers: String },
    #[error("topic {topic} cannot be read from its files: {source}")]
    File { topic: String, source: std::io::Error },
    #[error(transparent)]
    Stored(#[from] shopctl_broker::Error),
    #[error("topic {topic} cannot be created: {code}")]
    Create { topic: String, code: rdkafka::types::RDKafkaErrorCode },
    #[error("topic {0} does not exist")]
    NoTopic(String),
    #[error("{0} is no topic of dead letters: its name does not end in .dlt")]
    NoLetters(String),
    #[error("cannot publish to {topic} on Kafka at {brokers}: {source}")]
    Publish { brokers: String, topic: String, source: Box<rdkafka::error::KafkaError> },
}
