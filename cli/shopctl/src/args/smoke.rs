//! `shopctl smoke`: what can be typed.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use shopctl_telemetry::Target;

use super::value;

#[derive(Debug, Args)]
pub(crate) struct Smoke {
    /// Only these scenarios, or files of scenarios (default: all in fixtures/scenarios)
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) only: Vec<String>,
    /// Draw the data that this number stands for (default: others each time)
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Write reports: junit=FILE, json=FILE, html=FILE
    #[arg(long = "report", value_name = "FORMAT=FILE", value_delimiter = ',', value_parser = report)]
    pub(crate) reports: Vec<Report>,
    /// Play a scenario that failed up to N times more; one that holds then is told as flaky
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) retries: u32,
    /// Where a folder is made when something fails, with all that tells why
    #[arg(long, value_name = "DIR", default_value = "target/smoke")]
    pub(crate) artifacts: PathBuf,
    /// Build optimised binaries
    #[arg(long)]
    pub(crate) release: bool,
    /// Use the binaries that are there
    #[arg(long)]
    pub(crate) no_build: bool,
    /// Where the binaries are (implies --no-build)
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
    /// Where databases and Kafka run: auto, docker or embedded
    #[arg(long, value_name = "WHERE")]
    pub(crate) infra: Option<String>,
    /// Set a variable for all services, or for one
    #[arg(long = "env", value_name = "[SERVICE.]KEY=VALUE")]
    pub(crate) environment: Vec<String>,
    /// Receive no traces and metrics, and have no service send any
    #[arg(long)]
    pub(crate) no_telemetry: bool,
    /// Pass traces and metrics on to a collector, as `up` does
    #[arg(long, value_name = "URL", conflicts_with = "no_telemetry")]
    pub(crate) otlp_forward: Option<Target>,
    /// Give up the boot when not all is ready by then, counted from the end of the build
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = value::duration)]
    pub(crate) timeout: Duration,
}

/// One `--report`.
pub(crate) type Report = value::Report<Format>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Junit,
    Json,
    Html,
}

fn report(text: &str) -> Result<Report, String> {
    value::report(
        text,
        &[("junit", Format::Junit), ("json", Format::Json), ("html", Format::Html)],
        "expected junit=FILE, json=FILE or html=FILE",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_format_and_a_file() {
        let junit = Report { format: Format::Junit, path: PathBuf::from("a=b.xml") };
        assert_eq!(report("junit=a=b.xml"), Ok(junit));
        for wrong in ["junit", "junit=", "=a", "xml=a", ""] {
            assert!(report(wrong).is_err(), "{wrong}");
        }
    }
}
