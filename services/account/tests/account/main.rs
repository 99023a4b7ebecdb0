//! The account service as its clients see it: real gRPC, a real PostgreSQL.

mod shop;

mod accounts;
mod credentials;
#[cfg(feature = "failpoints")]
mod failpoints;
mod outage;
mod stopping;
mod tokens;
