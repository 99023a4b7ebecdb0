//! Kafka as the command line needs it: the shop's topics, and reading along without a consumer group.
//!
//! It must never depend on a service, nor join a group of theirs: who looks on changes nothing.

mod client;
mod event;
pub mod tail;
pub mod topics;

pub use event::Event;
pub use tail::Tail;

/// What went wrong with the broker.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot set up a client for Kafka at {brokers}: {source}")]
    Client { brokers: String, source: rdkafka::error::KafkaError },
    #[error("Kafka at {brokers} does not answer: {source}")]
    Unreachable { brokers: String, source: rdkafka::error::KafkaError },
    #[error("topic {topic} cannot be created: {code}")]
    Create { topic: String, code: rdkafka::types::RDKafkaErrorCode },
    #[error("topic {0} does not exist")]
    NoTopic(String),
}
