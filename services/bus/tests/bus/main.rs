//! The bus against a real PostgreSQL and the embedded broker.

mod consumer;
mod dead_letters;
#[cfg(feature = "failpoints")]
mod failpoints;
mod outages;
mod relay;
mod setup;
mod tail;
