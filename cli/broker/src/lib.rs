//! The embedded broker: one node that speaks Kafka's protocol, for one developer's machine and for tests.
//!
//! It keeps raw record batches in append-only segment files, coordinates consumer groups, and knows neither
//! replication nor transactions. It depends on no other crate of this workspace and never on librdkafka (which its
//! tests use): what it does must not be judged by the client it shares code with.

mod api;
mod broker;
mod clock;
mod config;
mod connection;
mod connections;
mod error;
mod file;
mod group;
mod holder;
mod identity;
mod log;
mod node;
mod offsets;
mod protocol;
mod settings;
mod stored;
mod topics;

pub use broker::Broker;
pub use config::Config;
pub use error::Error;
pub use log::{Record, Records};
pub use stored::{Positions, Stored};
