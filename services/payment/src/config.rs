//! What this service is told by its environment.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use axum::http::Uri;
use kit::config::{Error, Lookup, Variable};
use kit::{auth, http};

use crate::signature::Secrets;

const GRPC: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 50054);
const HTTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8003);

pub(crate) const VARIABLES: &[Variable] = &[
    Variable { name: "GRPC_ADDR", about: "where gRPC is served", default: Some("127.0.0.1:50054") },
    Variable {
        name: "HTTP_ADDR",
        about: "where the payment page and the webhook are served",
        default: Some("127.0.0.1:8003"),
    },
    Variable { name: "DATABASE_URL", about: "postgres://… of the payment database", default: None },
    Variable { name: "KAFKA_BROKERS", about: "host:port of the broker", default: None },
    Variable { name: "ORDER_URL", about: "where order's gRPC is", default: Some("http://127.0.0.1:50053") },
    Variable {
        name: "PUBLIC_URL",
        about: "what a checkout_url begins with",
        default: Some("http://localhost:<HTTP port>"),
    },
    Variable {
        name: "WEBHOOK_SECRET",
        about: "whsec_<base64 of 24 bytes or more>; two, separated by a space, while rotating: the first signs",
        default: None,
    },
    Variable {
        name: "SHOP_SIGNING_KEY",
        about: "path of payment's own Ed25519 private key (PKCS#8, PEM)",
        default: None,
    },
    Variable {
        name: "ALLOWED_HOSTS",
        about: "host names accepted besides localhost and PUBLIC_URL's, comma separated",
        default: Some("none"),
    },
];

/// Everything the service is told.
#[derive(Debug)]
pub struct Config {
    pub(crate) auth: auth::Config,
    pub(crate) http: http::Settings,
    pub(crate) grpc_addr: SocketAddr,
    pub(crate) http_addr: SocketAddr,
    pub(crate) database_url: DatabaseUrl,
    pub(crate) bus: bus::Settings,
    pub(crate) order_url: String,
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) secrets: Secrets,
}

impl Config {
    /// # Errors
    /// Names the variable that is missing or can't be used.
    pub(crate) fn from_lookup(lookup: &Lookup) -> Result<Self, Error> {
        let mut http = http::Settings::from_lookup(lookup)?;
        let public_url: Option<PublicUrl> = lookup.optional("PUBLIC_URL")?;
        http.allowed_hosts.extend(public_url.as_ref().map(|url| url.host.clone()));
        Ok(Self {
            auth: auth::Config::from_lookup(lookup)?,
            http,
            grpc_addr: lookup.or("GRPC_ADDR", GRPC)?,
            http_addr: lookup.or("HTTP_ADDR", HTTP)?,
            database_url: lookup.required("DATABASE_URL")?,
            bus: bus::Settings::from_lookup(lookup, "payment")?,
            order_url: lookup.or("ORDER_URL", "http://127.0.0.1:50053".to_owned())?,
            public_url,
            secrets: lookup.required("WEBHOOK_SECRET")?,
        })
    }
}

/// A database's URL: it holds a password, so it never shows.
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("postgres://…")
    }
}

/// How browsers reach the payment page: scheme, host and perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    origin: String,
    host: String,
}

impl PublicUrl {
    /// The one of a browser on this machine.
    pub(crate) fn local(port: u16) -> Self {
        Self { origin: format!("http://localhost:{port}"), host: "localhost".to_owned() }
    }

    /// Scheme and authority, as a browser's `Origin` header has them.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
}

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "it must be http://HOST or https://HOST, perhaps with a port, and no path";
        let uri: Uri = text.parse().map_err(|_| SHAPE)?;
        match (uri.scheme_str(), uri.authority()) {
            (Some(scheme @ ("http" | "https")), Some(authority))
                if matches!(uri.path(), "" | "/") && uri.query().is_none() && !authority.as_str().contains('@') =>
            {
                Ok(Self {
                    origin: format!("{scheme}://{authority}").to_ascii_lowercase(),
                    host: authority.host().to_ascii_lowercase(),
                })
            }
            _ => Err(SHAPE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(overrides: &'static [(&str, &str)]) -> Result<Config, Error> {
        Config::from_lookup(&Lookup::new(move |name| {
            let set = overrides.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
            set.or(match name {
                "DATABASE_URL" => Some("postgres://shop:hunter2@127.0.0.1/payment_db"),
                "KAFKA_BROKERS" => Some("127.0.0.1:9092"),
                "WEBHOOK_SECRET" => Some("whsec_b2xkIHNlY3JldCBvZiB0d2VudHktZm91ciBieXRlcw=="),
                "SHOP_JWKS" => Some("/nowhere/jwks.json"),
                _ => None,
            })
            .map(str::to_owned)
        }))
    }

    #[test]
    fn what_is_missing_or_poor_is_named_and_no_secret_shows() {
        for (name, value) in [
            ("WEBHOOK_SECRET", ""),
            ("WEBHOOK_SECRET", "whsec_c2hvcnQ="),
            ("DATABASE_URL", ""),
            ("PUBLIC_URL", "ftp://shop"),
            ("PUBLIC_URL", "http://shop/path"),
            ("PUBLIC_URL", "http://user:pw@shop"),
        ] {
            let overrides: &'static [_] = Box::leak(Box::new([(name, value)]));
            let error = config(overrides).expect_err(name).to_string();
            assert!(error.starts_with(name), "{error}");
            assert!(value.is_empty() || !error.contains(value), "{error}");
        }
        let shown = format!("{:?}", config(&[]).expect("complete"));
        assert!(!shown.contains("hunter2") && !shown.contains("b2xkIHNl"), "{shown}");
    }

    #[test]
    fn the_public_address_is_an_origin_and_its_host_is_answered_to() {
        let config = config(&[("PUBLIC_URL", "https://Pay.Example:8443/")]).expect("complete");
        let public = config.public_url.expect("given");
        assert_eq!(public.origin(), "https://pay.example:8443");
        assert_eq!(config.http.allowed_hosts, ["pay.example"]);
        assert_eq!(PublicUrl::local(8003).origin(), "http://localhost:8003");
    }
}
