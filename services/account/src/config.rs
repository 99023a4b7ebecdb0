//! Account's environment.

use std::net::SocketAddr;

use kit::config::{Error, Lookup};
use kit::{Variable, auth};

pub struct Config {
    pub grpc_addr: SocketAddr,
    pub database_url: String,
    pub auth: auth::Config,
}

pub(crate) const VARIABLES: &[Variable] = &[
    Variable { name: "GRPC_ADDR", about: "address to serve gRPC on", default: Some("127.0.0.1:50051") },
    Variable { name: "DATABASE_URL", about: "postgres:// URL of account's database", default: None },
    Variable {
        name: "SHOP_SIGNING_KEY",
        about: "path of account's own Ed25519 private key (PKCS#8, PEM), which signs users' tokens",
        default: None,
    },
];

impl Config {
    pub(crate) fn from_lookup(lookup: &Lookup) -> Result<Self, Error> {
        Ok(Self {
            grpc_addr: lookup.or("GRPC_ADDR", SocketAddr::from(([127, 0, 0, 1], 50051)))?,
            database_url: lookup.required("DATABASE_URL")?,
            auth: auth::Config::from_lookup(lookup)?,
        })
    }
}
