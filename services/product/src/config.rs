//! What the environment says.

use std::net::SocketAddr;
use std::path::PathBuf;

use kit::config::{Error, Lookup, Variable};
use kit::{auth, http};

use crate::store::elasticsearch;

pub(crate) const VARIABLES: &[Variable] = &[
    Variable { name: "HTTP_ADDR", about: "address to listen on", default: Some("127.0.0.1:8002") },
    Variable {
        name: CATALOG_URL,
        about: "where the catalog is: embedded:///absolute/folder, or Elasticsearch at http://user:password@host:port, with a prefix for its index's name as path if need be",
        default: None,
    },
    Variable { name: "KAFKA_BROKERS", about: "host:port of the broker", default: None },
    Variable {
        name: "ALLOWED_HOSTS",
        about: "host names to answer to, comma separated, besides localhost, 127.0.0.1 and [::1]",
        default: Some("none"),
    },
];

const CATALOG_URL: &str = "CATALOG_URL";

/// The whole configuration of the service.
#[derive(Debug)]
pub struct Config {
    pub address: SocketAddr,
    pub catalog: CatalogUrl,
    pub kafka: bus::Settings,
    pub auth: auth::Config,
    pub http: http::Settings,
}

/// Which store holds the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogUrl {
    /// A folder of this machine.
    Embedded(PathBuf),
    Elasticsearch(elasticsearch::Settings),
}

impl Config {
    /// # Errors
    /// Names the variable that is missing or can't be used.
    pub fn from_lookup(lookup: &Lookup) -> Result<Self, Error> {
        let url: String = lookup.required(CATALOG_URL)?;
        Ok(Self {
            address: lookup.or("HTTP_ADDR", SocketAddr::from(([127, 0, 0, 1], 8002)))?,
            catalog: catalog(&url)?,
            kafka: bus::Settings::from_lookup(lookup, "product")?,
            auth: auth::Config::from_lookup(lookup)?,
            http: http::Settings::from_lookup(lookup)?,
        })
    }
}

fn catalog(url: &str) -> Result<CatalogUrl, Error> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| Error::invalid(CATALOG_URL, "it is no URL"))?;
    match scheme {
        "embedded" if rest.starts_with('/') => Ok(CatalogUrl::Embedded(PathBuf::from(rest))),
        "embedded" => Err(Error::invalid(CATALOG_URL, "embedded:// wants the absolute path of a folder")),
        "http" | "https" => match elasticsearch::Settings::parse(url) {
            Ok(settings) => Ok(CatalogUrl::Elasticsearch(settings)),
            Err(reason) => Err(Error::invalid(CATALOG_URL, reason)),
        },
        _ => Err(Error::invalid(
            CATALOG_URL,
            format!("no store has the scheme {scheme}; known are embedded:///absolute/folder and http://host:port"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalog_url_that_can_not_be_used_is_refused_with_the_variables_name() {
        assert_eq!(catalog("embedded:///var/shop"), Ok(CatalogUrl::Embedded(PathBuf::from("/var/shop"))));
        for (url, reason) in [
            ("/var/shop", "no URL"),
            ("embedded://shop", "absolute"),
            ("https://localhost:9200", "only http://"),
            ("postgres://localhost", "postgres"),
        ] {
            let error = catalog(url).expect_err("refused").to_string();
            assert!(error.starts_with("CATALOG_URL") && error.contains(reason), "{error}");
        }
    }
}
