//! What every service of the shop shares: its command line, configuration, telemetry, authentication, servers, database
//! pool and orderly shutdown. A service says what is its own by implementing [`Service`] and calls [`main`].
//!
//! It knows nothing of any one service, and must never depend on one of them, on `bus`, or on anything in `cli/`.

pub mod auth;
pub mod config;
pub mod crash;
pub mod database;
mod deadline;
mod descriptors;
mod entry;
pub mod grpc;
pub mod http;
mod listener;
pub mod money;
pub mod readiness;
mod request;
mod server;
pub mod service;
pub mod shutdown;
pub mod telemetry;
pub mod text;

pub use config::{Lookup, Variable};
pub use entry::main;
pub use money::Cents;
pub use readiness::Readiness;
pub use service::Service;
pub use shutdown::Shutdown;
