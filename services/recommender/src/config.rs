//! What the service is told by its environment.

use std::net::{Ipv4Addr, SocketAddr};

use kit::auth;
use kit::config::{Error, Lookup, Variable};

/// See [`VARIABLES`].
#[derive(Debug, Clone)]
pub struct Config {
    pub auth: auth::Config,
    pub grpc_addr: SocketAddr,
    pub database_url: String,
    pub kafka_brokers: String,
}

pub(crate) const VARIABLES: &[Variable] = &[
    Variable { name: "GRPC_ADDR", about: "address to listen on", default: Some("127.0.0.1:50052") },
    Variable { name: "DATABASE_URL", about: "the service's PostgreSQL database, postgres://…", default: None },
    Variable {
        name: "KAFKA_BROKERS",
        about: "host:port of the broker that has product_events and order_events",
        default: None,
    },
];

impl Config {
    pub fn from_lookup(lookup: &Lookup) -> Result<Self, Error> {
        Ok(Self {
            auth: auth::Config::from_lookup(lookup)?,
            grpc_addr: lookup.or("GRPC_ADDR", (Ipv4Addr::LOCALHOST, 50052).into())?,
            database_url: lookup.required("DATABASE_URL")?,
            kafka_brokers: lookup.required("KAFKA_BROKERS")?,
        })
    }
}
