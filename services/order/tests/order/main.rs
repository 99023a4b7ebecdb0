//! The order service on a real PostgreSQL and a real broker, seen from outside; product is a small HTTP server here.

mod access;
mod crash;
mod create;
mod events;
#[cfg(feature = "failpoints")]
mod failpoints;
mod key;
mod list;
mod product;
mod shop;
mod status;
