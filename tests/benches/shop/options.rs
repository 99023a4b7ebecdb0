use std::{path::PathBuf, time::Duration};

use clap::Parser;

/// Measures a shop of its own, built in release mode.
#[derive(Debug, Parser)]
#[command(name = "shop", about)]
pub(crate) struct Options {
    /// Only rows whose names contain one of these
    pub(crate) rows: Vec<String>,
    /// Also write what was measured to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Then measure again with 10 times the products and 100,000 orders, and compare
    #[arg(long)]
    pub(crate) growth: bool,
    /// How long each throughput is measured
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) time: Duration,
    /// Build nothing: take the binaries of this folder, to compare it with another
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
    /// Set a variable for the shop's services, as `shopctl up` does
    #[arg(long, value_name = "[SERVICE.]KEY=VALUE")]
    pub(crate) env: Vec<String>,
    /// List the rows and end
    #[arg(long)]
    pub(crate) list: bool,
    /// cargo says so
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
