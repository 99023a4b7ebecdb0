//! Where telemetry is passed on to, as `--otlp-forward` says it.

use std::{fmt, str::FromStr};

use http::Uri;

/// Another collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(crate) protocol: Protocol,
    /// `http://HOST:PORT`, with a path where one was given.
    pub(crate) url: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Grpc,
    Http,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    #[error("expected http://HOST:PORT (OTLP over HTTP, or gRPC on port 4317) or grpc://HOST:PORT")]
    NoUrl,
    #[error("a collector behind TLS is out of reach: have one on this machine pass it on")]
    Tls,
}

/// The port that OTLP has for gRPC.
const GRPC_PORT: u16 = 4317;

impl FromStr for Target {
    type Err = NoTarget;

    /// `grpc://`, and `http://` to port 4317 without a path, speak gRPC; any other `http://` OTLP's HTTP.
    fn from_str(text: &str) -> Result<Self, NoTarget> {
        let uri: Uri = text.parse().map_err(|_| NoTarget::NoUrl)?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(NoTarget::NoUrl)?;
        if authority.host().is_empty() {
            return Err(NoTarget::NoUrl);
        }
        let path = uri.path().trim_end_matches('/');
        let protocol = match (uri.scheme_str(), path) {
            (Some("https" | "grpcs"), _) => return Err(NoTarget::Tls),
            (Some("grpc"), "") => Protocol::Grpc,
            (Some("http"), "") if uri.port_u16() == Some(GRPC_PORT) => Protocol::Grpc,
            (Some("http"), _) => Protocol::Http,
            _ => return Err(NoTarget::NoUrl),
        };
        let port = uri.port_u16().unwrap_or(match protocol {
            Protocol::Grpc => GRPC_PORT,
            Protocol::Http => 4318,
        });
        Ok(Self { protocol, url: format!("http://{}:{port}{path}", authority.host()) })
    }
}

/// As it is typed.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Grpc => write!(f, "grpc{}", self.url.trim_start_matches("http")),
            Protocol::Http => f.write_str(&self.url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_and_port_say_how_the_other_collector_is_spoken_to() {
        for (text, protocol, url) in [
            ("http://localhost:4317", Protocol::Grpc, "http://localhost:4317"),
            ("http://localhost:4318", Protocol::Http, "http://localhost:4318"),
            ("http://localhost", Protocol::Http, "http://localhost:4318"),
            ("grpc://127.0.0.1:18889", Protocol::Grpc, "http://127.0.0.1:18889"),
            ("grpc://collector", Protocol::Grpc, "http://collector:4317"),
            ("http://[::1]:9090/api/otlp/", Protocol::Http, "http://[::1]:9090/api/otlp"),
        ] {
            let target: Target = text.parse().expect(text);
            assert_eq!((target.protocol, target.url.as_str()), (protocol, url), "{text}");
            assert_eq!(target.to_string().parse(), Ok(target), "{text}");
        }
        for wrong in ["", "localhost:4317", "ftp://localhost", "http://", "http://u:p@localhost", "grpc://h:1/path"] {
            assert_eq!(wrong.parse::<Target>(), Err(NoTarget::NoUrl), "{wrong}");
        }
        assert_eq!("https://localhost:4317".parse::<Target>(), Err(NoTarget::Tls));
    }
}
