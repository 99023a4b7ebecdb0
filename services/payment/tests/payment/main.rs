//! Payment on a real PostgreSQL and the embedded broker, between a fake order service that keeps order's state machine
//! and clients that mean well or not.

mod cancellation;
mod crash;
mod events;
#[cfg(feature = "failpoints")]
mod failpoints;
mod forgery;
mod orders;
mod page;
mod sessions;
mod shop;
mod telling;
mod webhooks;
