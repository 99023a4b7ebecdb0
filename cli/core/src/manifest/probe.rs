//! How readiness and liveness are observed, always from inside shopctl.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer};

use super::template::{self, Template};

/// What is looked at, and how often. In a manifest all of it is one table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Probe {
    pub check: Check,
    pub rhythm: Rhythm,
}

/// How often a probe looks, and how much it takes to believe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// Between two looks once it is ready. Until then it is looked at more often.
    pub interval: Duration,
    /// An answer that takes longer is none.
    pub timeout: Duration,
    /// Failures in a row until what was ready no longer is (or what was alive is started again).
    pub failures: u32,
    /// Successes in a row until it is ready.
    pub successes: u32,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// Something accepts connections.
    Tcp { port: String },
    /// `GET` answers with a status of 2xx.
    Http {
        port: String,
        path: String,
        /// `USER:PASSWORD`, for a server that answers nobody else.
        login: Option<Template>,
    },
    /// The standard health service says SERVING, for all of the server if `service` is empty.
    Grpc { port: String, service: String },
    /// The server answers a startup packet with anything but "starting up".
    Postgres { port: String },
    /// A broker tells its metadata, with itself in it.
    Kafka { port: String },
    /// A line of its output since it was started has this text in it. Once is enough: a log takes nothing back.
    Log { line: String },
    /// A command with the resource's environment ends with 0.
    Exec { command: Vec<Template> },
}

impl Check {
    /// What the instance has to fill in.
    pub(super) fn templates(&self) -> &[Template] {
        match self {
            Self::Exec { command } => command,
            Self::Http { login, .. } => login.as_slice(),
            Self::Tcp { .. } | Self::Grpc { .. } | Self::Postgres { .. } | Self::Kafka { .. } | Self::Log { .. } => &[],
        }
    }

    /// The name of the port that is asked, if one is.
    #[must_use]
    pub fn port(&self) -> Option<&str> {
        match self {
            Self::Tcp { port }
            | Self::Http { port, .. }
            | Self::Grpc { port, .. }
            | Self::Postgres { port }
            | Self::Kafka { port } => Some(port),
            Self::Log { .. } | Self::Exec { .. } => None,
        }
    }

    /// Whether it makes sense again and again: a line that was written stays written.
    #[must_use]
    pub fn repeats(&self) -> bool {
        !matches!(self, Self::Log { .. })
    }
}

/// The table as it is written: what does not belong to its kind is refused by name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kind: Kind,
    port: Option<String>,
    path: Option<String>,
    login: Option<Template>,
    service: Option<String>,
    line: Option<String>,
    command: Option<Vec<Template>>,
    #[serde(default, deserialize_with = "optional_duration")]
    interval: Option<Duration>,
    #[serde(default, deserialize_with = "optional_duration")]
    timeout: Option<Duration>,
    failures: Option<u32>,
    successes: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Tcp,
    Http,
    Grpc,
    Postgres,
    Kafka,
    Log,
    Exec,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::Grpc => "grpc",
            Self::Postgres => "postgres",
            Self::Kafka => "kafka",
            Self::Log => "log",
            Self::Exec => "exec",
        })
    }
}

fn optional_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    template::duration(deserializer).map(Some)
}

impl TryFrom<Table> for Probe {
    type Error = String;

    fn try_from(mut table: Table) -> Result<Self, String> {
        let rhythm = Rhythm {
            interval: table.interval.unwrap_or(Duration::from_secs(5)),
            timeout: table.timeout.unwrap_or(Duration::from_secs(2)),
            failures: table.failures.unwrap_or(2),
            successes: table.successes.unwrap_or(1),
        };
        if rhythm.interval.is_zero() || rhythm.timeout.is_zero() || rhythm.failures == 0 || rhythm.successes == 0 {
            return Err("interval, timeout, failures and successes of a probe are more than nothing".to_owned());
        }
        let kind = table.kind;
        let wanted =
            |what: Option<String>, name: &str| what.ok_or_else(|| format!("a probe of kind {kind} has a {name}"));
        let check = match kind {
            Kind::Tcp => Check::Tcp { port: wanted(table.port.take(), "port")? },
            Kind::Http => Check::Http {
                port: wanted(table.port.take(), "port")?,
                path: wanted(table.path.take(), "path").and_then(|path| {
                    if path.starts_with('/') { Ok(path) } else { Err(format!("path {path} of a probe begins with /")) }
                })?,
                login: table.login.take(),
            },
            Kind::Grpc => Check::Grpc {
                port: wanted(table.port.take(), "port")?,
                service: table.service.take().unwrap_or_default(),
            },
            Kind::Postgres => Check::Postgres { port: wanted(table.port.take(), "port")? },
            Kind::Kafka => Check::Kafka { port: wanted(table.port.take(), "port")? },
            Kind::Log => Check::Log { line: wanted(table.line.take().filter(|line| !line.is_empty()), "line")? },
            Kind::Exec => Check::Exec {
                command: table
                    .command
                    .take()
                    .filter(|command| !command.is_empty())
                    .ok_or("a probe of kind exec has a command")?,
            },
        };
        let left = [
            ("port", table.port.is_some()),
            ("path", table.path.is_some()),
            ("login", table.login.is_some()),
            ("service", table.service.is_some()),
            ("line", table.line.is_some()),
            ("command", table.command.is_some()),
        ];
        match left.iter().find(|(_, is_there)| *is_there) {
            Some((name, _)) => Err(format!("a probe of kind {kind} has no {name}")),
            None => Ok(Self { check, rhythm }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(text: &str) -> Result<Probe, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn a_probe_has_what_its_kind_needs_and_nothing_else() {
        let grpc = probe("kind = \"grpc\"\nport = \"x\"\ninterval = \"5s\"\nfailures = 3").expect("it is right");
        assert_eq!(grpc.check, Check::Grpc { port: "x".to_owned(), service: String::new() });
        assert_eq!((grpc.rhythm.interval, grpc.rhythm.failures), (Duration::from_secs(5), 3));
        for (text, wanted) in [
            ("kind = \"tcp\"", "has a port"),
            ("kind = \"tcp\"\nport = \"x\"\npath = \"/\"", "has no path"),
            ("kind = \"http\"\nport = \"x\"\npath = \"health\"", "begins with /"),
            ("kind = \"log\"\nline = \"\"", "has a line"),
            ("kind = \"exec\"\ncommand = []", "has a command"),
            ("kind = \"tcp\"\nport = \"x\"\ninterval = \"0s\"", "more than nothing"),
            ("kind = \"tcp\"\nport = \"x\"\nfailures = 0", "more than nothing"),
            ("kind = \"ping\"", "unknown variant"),
            ("kind = \"tcp\"\nport = \"x\"\ntimout = \"1s\"", "timout"),
        ] {
            let error = probe(text).expect_err("it is wrong");
            assert!(error.contains(wanted), "{wanted:?} in {error}");
        }
    }
}
