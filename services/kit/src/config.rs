//! Configuration from named variables, read through a function, so that tests need not touch the environment.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

/// A variable as `--help` shows it.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    pub name: &'static str,
    pub about: &'static str,
    /// What holds when the variable is not set; `None` if it must be set.
    pub default: Option<&'static str>,
}

/// The variables that every service understands. One that lists a variable of the same name tells more about it.
pub const COMMON: &[Variable] = &[
    Variable {
        name: "SHOP_INSTANCE",
        about: "name of the instance; tokens are issued by shopctl/<instance>",
        default: Some("default"),
    },
    Variable { name: "SHOP_JWKS", about: "path of the JWKS file with everybody's public keys", default: None },
    Variable {
        name: "SHOP_AUTH",
        about: "required, or open: calls need no token (loopback only)",
        default: Some("required"),
    },
    Variable { name: "RUST_LOG", about: "what to log, as of tracing's EnvFilter", default: Some("info") },
    Variable { name: "LOG_FORMAT", about: "text or json", default: Some("text") },
    Variable {
        name: "OTEL_EXPORTER_OTLP_ENDPOINT",
        about: "http://HOST:PORT of who gets traces and metrics, OTLP over gRPC",
        default: Some("nobody"),
    },
    Variable {
        name: "OTEL_TRACES_SAMPLER",
        about: "which traces, as of OpenTelemetry; with OTEL_TRACES_SAMPLER_ARG",
        default: Some("all, above 50 a second about as many"),
    },
    Variable { name: "OTEL_METRIC_EXPORT_INTERVAL", about: "milliseconds between metrics", default: Some("10000") },
];

/// A variable that is missing or can't be used. The value is never shown: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{name} is not set")]
    Missing { name: String },
    #[error("{name} is not valid: {reason}")]
    Invalid { name: String, reason: String },
}

impl Error {
    pub fn invalid(name: &str, reason: impl Display) -> Self {
        Self::Invalid { name: name.to_owned(), reason: reason.to_string() }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { name } => format!(
                "set {name}; --help lists all variables, `shopctl env SERVICE` prints those of a running instance"
            ),
            Self::Invalid { name, .. } => format!("correct {name}; --help tells what it means"),
        }
    }
}

/// Where variables are read from. A variable that is empty counts as not set.
#[derive(Clone)]
pub struct Lookup(Arc<Source>);

type Source = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Lookup {
    pub fn new(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    /// Reads the process's environment. A value that is not Unicode is treated as invalid text, hence as unusable.
    pub fn from_env() -> Self {
        Self::new(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    pub fn required<T>(&self, name: &str) -> Result<T, Error>
    where
        T: FromStr<Err: Display>,
    {
        self.optional(name)?.ok_or_else(|| Error::Missing { name: name.to_owned() })
    }

    pub fn optional<T>(&self, name: &str) -> Result<Option<T>, Error>
    where
        T: FromStr<Err: Display>,
    {
        (self.0)(name)
            .filter(|value| !value.is_empty())
            .map(|value| value.parse().map_err(|reason| Error::invalid(name, reason)))
            .transpose()
    }

    pub fn or<T>(&self, name: &str, default: T) -> Result<T, Error>
    where
        T: FromStr<Err: Display>,
    {
        Ok(self.optional(name)?.unwrap_or(default))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup() -> Lookup {
        Lookup::new(|name| match name {
            "PORT" => Some("8080".to_owned()),
            "WORD" => Some("secret".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn an_error_names_the_variable_and_never_shows_its_value() {
        let error = lookup().required::<u16>("WORD").expect_err("a word is no port");
        assert_eq!(error.to_string(), "WORD is not valid: invalid digit found in string");
        let error = lookup().required::<u16>("NONE").expect_err("not set");
        assert_eq!(error.to_string(), "NONE is not set");
        assert!(error.hint().contains("NONE"));
    }

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        assert_eq!(lookup().optional::<u16>("EMPTY"), Ok(None));
        assert_eq!(lookup().or("EMPTY", 7_u16), Ok(7));
        assert_eq!(lookup().or("PORT", 7_u16), Ok(8080));
    }
}
