//! What the service is told by its environment.

use std::net::{Ipv4Addr, SocketAddr};

use kit::auth;
use kit::config::{Error, Lookup, Variable};
use reqwest::Url;

/// See [`VARIABLES`].
#[derive(Debug, Clone)]
pub struct Config {
    pub auth: auth::Config,
    pub grpc_addr: SocketAddr,
    pub database_url: String,
    pub kafka_brokers: String,
    pub product_url: Url,
}

pub(crate) const VARIABLES: &[Variable] = &[
    Variable { name: "GRPC_ADDR", about: "address to listen on", default: Some("127.0.0.1:50053") },
    Variable { name: "DATABASE_URL", about: "the service's PostgreSQL database, postgres://…", default: None },
    Variable { name: "KAFKA_BROKERS", about: "host:port of the broker that gets order_events", default: None },
    Variable { name: "PRODUCT_URL", about: "the product service", default: Some("http://127.0.0.1:8002") },
];

impl Config {
    pub fn from_lookup(lookup: &Lookup) -> Result<Self, Error> {
        let product_url: Url = match lookup.optional("PRODUCT_URL")? {
            Some(url) => url,
            None => Url::parse("http://127.0.0.1:8002").map_err(|error| Error::invalid("PRODUCT_URL", error))?,
        };
        if !matches!(product_url.scheme(), "http" | "https") {
            return Err(Error::invalid("PRODUCT_URL", "it must be an http or https address"));
        }
        Ok(Self {
            auth: auth::Config::from_lookup(lookup)?,
            grpc_addr: lookup.or("GRPC_ADDR", (Ipv4Addr::LOCALHOST, 50053).into())?,
            database_url: lookup.required("DATABASE_URL")?,
            kafka_brokers: lookup.required("KAFKA_BROKERS")?,
            product_url,
        })
    }
}
