//! The gateway's environment.

use std::net::SocketAddr;

use kit::config::{Error, Lookup};
use kit::{Variable, auth, http};
use reqwest::Url;

pub struct Config {
    pub http_addr: SocketAddr,
    pub http: http::Settings,
    pub account_url: String,
    pub recommender_url: String,
    pub order_url: String,
    pub payment_url: String,
    pub product_url: Url,
    pub bus: bus::Settings,
    pub auth: auth::Config,
}

pub(crate) const VARIABLES: &[Variable] = &[
    Variable { name: "HTTP_ADDR", about: "address to serve GraphQL on", default: Some("127.0.0.1:8080") },
    Variable { name: "ACCOUNT_URL", about: "account's gRPC", default: Some("http://127.0.0.1:50051") },
    Variable { name: "RECOMMENDER_URL", about: "recommender's gRPC", default: Some("http://127.0.0.1:50052") },
    Variable { name: "ORDER_URL", about: "order's gRPC", default: Some("http://127.0.0.1:50053") },
    Variable { name: "PAYMENT_URL", about: "payment's gRPC", default: Some("http://127.0.0.1:50054") },
    Variable { name: "PRODUCT_URL", about: "product's REST", default: Some("http://127.0.0.1:8002") },
    Variable { name: "KAFKA_BROKERS", about: "host:port of the broker, for live order status", default: None },
    Variable {
        name: "ALLOWED_HOSTS",
        about: "host names accepted besides localhost, 127.0.0.1 and [::1], comma separated",
        default: Some("none"),
    },
];

impl Config {
    pub(crate) fn from_lookup(lookup: &Lookup) -> Result<Self, Error> {
        let grpc = |name, port: u16| lookup.or(name, format!("http://127.0.0.1:{port}"));
        let product_url: Url = lookup
            .or("PRODUCT_URL", "http://127.0.0.1:8002".to_owned())?
            .parse()
            .map_err(|error| Error::invalid("PRODUCT_URL", error))?;
        if product_url.scheme() != "http" || product_url.host().is_none() {
            return Err(Error::invalid("PRODUCT_URL", "it must be http://HOST:PORT"));
        }
        Ok(Self {
            http_addr: lookup.or("HTTP_ADDR", SocketAddr::from(([127, 0, 0, 1], 8080)))?,
            http: http::Settings::from_lookup(lookup)?,
            account_url: grpc("ACCOUNT_URL", 50051)?,
            recommender_url: grpc("RECOMMENDER_URL", 50052)?,
            order_url: grpc("ORDER_URL", 50053)?,
            payment_url: grpc("PAYMENT_URL", 50054)?,
            product_url,
            bus: bus::Settings::from_lookup(lookup, "gateway")?,
            auth: auth::Config::from_lookup(lookup)?,
        })
    }
}
