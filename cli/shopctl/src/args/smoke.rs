//! `shopctl smoke`: what can be typed.

use std::path::PathBuf;

use clap::Args;

use super::{boot::Boot, value};

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
    /// Build and boot services that can be told to fail at named points of their code, and play the scenarios that do so, too
    #[arg(long)]
    pub(crate) failpoints: bool,
    /// Where a folder is made when something fails, with all that tells why
    #[arg(long, value_name = "DIR", default_value = "target/smoke")]
    pub(crate) artifacts: PathBuf,
    #[command(flatten)]
    pub(crate) boot: Boot,
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
