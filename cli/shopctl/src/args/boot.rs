//! How a shop is built and booted: what can be typed after every command that does so.

use std::{fmt, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use shopctl_telemetry::Target;

use super::value;

#[derive(Debug, Clone, Args)]
pub(crate) struct Boot {
    /// Where databases and Kafka run; an instance keeps it until its data are removed
    #[arg(long, value_enum, default_value_t = Choice::Auto, env = "SHOPCTL_INFRA", hide_env_values = true)]
    pub(crate) infra: Choice,
    /// Build optimised binaries
    #[arg(long)]
    pub(crate) release: bool,
    /// Use the binaries that are there
    #[arg(long)]
    pub(crate) no_build: bool,
    /// Where the binaries are (implies --no-build)
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
    /// Give up when not all is ready by then, counted from the end of the build
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = value::duration)]
    pub(crate) timeout: Duration,
    /// Set a variable for all services, or for one
    #[arg(long = "env", value_name = "[SERVICE.]KEY=VALUE", value_parser = value::assignment)]
    pub(crate) environment: Vec<Assignment>,
    /// Receive no traces and metrics, and have no service send any
    #[arg(long)]
    pub(crate) no_telemetry: bool,
    /// Pass traces and metrics on to a collector: http://HOST:PORT (gRPC on port 4317, else OTLP over HTTP) or
    /// grpc://HOST:PORT
    #[arg(long, value_name = "URL", conflicts_with = "no_telemetry")]
    pub(crate) otlp_forward: Option<Target>,
}

/// What `--infra` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// Docker where a daemon answers and has the images or can pull them, else embedded
    Auto,
    /// Containers: PostgreSQL, Apache Kafka and Elasticsearch
    Docker,
    /// Processes of this machine, no Docker needed
    Embedded,
}

/// One `--env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// `None`: every service.
    pub(crate) service: Option<String>,
    pub(crate) key: String,
    pub(crate) value: String,
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, key, value } = self;
        match service {
            Some(service) => write!(f, "{service}.{key}={value}"),
            None => write!(f, "{key}={value}"),
        }
    }
}
