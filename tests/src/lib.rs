//! What tests of this workspace stand on: a real PostgreSQL, a real broker, keys of an instance, and waiting for a
//! condition instead of sleeping. The end-to-end tests of the whole shop are beside it, in `tests/`.
//!
//! Whatever it starts ends with the test process, however that ends. It must never depend on a service.

pub mod broker;
pub mod brokers;
pub mod cargo;
pub mod crash;
pub mod docker;
pub mod door;
pub mod elasticsearch;
pub mod kafka;
pub mod keys;
pub mod leash;
pub mod otlp;
pub mod port;
pub mod postgres;
pub mod process;
pub mod ready;
pub mod trials;
mod unsent;
mod wait;

pub use unsent::is_unsent;
pub use wait::eventually;
