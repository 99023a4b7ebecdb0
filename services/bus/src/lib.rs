//! Kafka for the shop's services: events that leave a database through its outbox, and events that enter one through its
//! inbox, so that each state change is told once and applied once, whoever is killed in between.
//!
//! It may use `kit`, and must never depend on a service or know what an event means.

mod backoff;
pub mod consumer;
mod dead_letter;
mod event;
mod handler;
pub mod outbox;
mod pace;
mod producer;
mod received;
mod relay;
mod sending;
mod settings;
mod tail;

pub use consumer::Consumer;
pub use event::Event;
pub use handler::{HandleError, Handler};
pub use outbox::{Outbox, PgOutbox};
pub use received::Received;
pub use relay::{Relay, Wake};
pub use settings::{Error, Settings};
pub use tail::{Feed, Tail};
