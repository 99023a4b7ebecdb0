//! `shopctl checkout crash`: what can be typed.

use clap::Args;

use super::value;

#[derive(Debug, Args)]
pub(crate) struct Crash {
    /// Play so many rounds, each with the next target (default: a round for each target)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: Option<u32>,
    /// Keep so many checkouts under way
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) in_flight: u16,
    /// Begin so many checkouts in each round
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) checkouts: u32,
    /// Strike only at these: services, points of their code, `kill` for kill -9, or both as SERVICE.POINT (default: all)
    #[arg(long, value_name = "TARGET", value_delimiter = ',')]
    pub(crate) points: Vec<String>,
    /// Write a report: json=FILE
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = report)]
    pub(crate) reports: Vec<Report>,
}

/// One `--report`: there is one format.
pub(crate) type Report = value::Report<()>;

fn report(text: &str) -> Result<Report, String> {
    value::report(text, &[("json", ())], "expected json=FILE")
}
