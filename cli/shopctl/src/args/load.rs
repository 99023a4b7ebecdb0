//! `shopctl checkout load`: what can be typed.

use std::time::Duration;

use clap::Args;
use shopctl_scenario::load::Threshold;

use super::value;

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Begin so many checkouts a second, whatever becomes of those before them
    #[arg(long, value_name = "N/s", value_parser = rate, conflicts_with_all = ["in_flight", "stages"])]
    pub(crate) rate: Option<f64>,
    /// Keep so many checkouts under way: the next begins when one has ended
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "stages")]
    pub(crate) in_flight: Option<u16>,
    /// In so much time change evenly from the rate before (0 at first) to this one; repeat it for ramps and plateaus
    #[arg(long = "stage", value_name = "TIME:N/s", value_parser = stage, conflicts_with = "duration")]
    pub(crate) stages: Vec<(Duration, f64)>,
    /// For how long checkouts begin
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = value::duration)]
    pub(crate) duration: Duration,
    /// What must be kept, such as p99<25ms, order.p95<=10ms, failed<0.1%, rate>190/s (repeat it); steps are order,
    /// check-out, page, pay, paid, recommended, and checkout for the whole
    #[arg(long = "threshold", value_name = "LIMIT")]
    pub(crate) thresholds: Vec<Threshold>,
    /// Accounts that buy by turns
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) accounts: u16,
    /// How long an order may take until it is PAID, and until the recommender knows it
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = value::duration)]
    pub(crate) patience: Duration,
    /// Watch meanwhile whether the shop's databases and topics agree: a difference counts when it has lasted 5 s
    #[arg(long)]
    pub(crate) watch_invariants: bool,
    /// Don't check at the end whether they do
    #[arg(long, conflicts_with = "watch_invariants")]
    pub(crate) no_verify: bool,
    /// Write reports: json=FILE, html=FILE
    #[arg(long = "report", value_name = "FORMAT=FILE", value_delimiter = ',', value_parser = report)]
    pub(crate) reports: Vec<Report>,
}

/// One `--report`.
pub(crate) type Report = value::Report<Format>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Html,
}

/// `200/s`, also without the unit; `600/m` is ten a second.
fn rate(text: &str) -> Result<f64, String> {
    let (number, seconds) = match text.split_once('/') {
        None => (text, 1.0),
        Some((number, "s")) => (number, 1.0),
        Some((number, "m")) => (number, 60.0),
        Some(_) => ("", 1.0),
    };
    let rate = number.trim().parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate >= 0.0);
    rate.map(|rate| rate / seconds).ok_or_else(|| "expected such as 200/s or 600/m".to_owned())
}

fn stage(text: &str) -> Result<(Duration, f64), String> {
    let expected = || "expected TIME:RATE, such as 10s:200/s".to_owned();
    let (time, end) = text.split_once(':').ok_or_else(expected)?;
    let time = value::duration(time).map_err(|error| error.to_string())?;
    if time.is_zero() { Err(expected()) } else { Ok((time, rate(end)?)) }
}

fn report(text: &str) -> Result<Report, String> {
    value::report(text, &[("json", Format::Json), ("html", Format::Html)], "expected json=FILE or html=FILE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_a_second_or_a_minute() {
        assert_eq!([rate("200/s"), rate("0.5"), rate("600/m")], [Ok(200.0), Ok(0.5), Ok(10.0)]);
        for wrong in ["", "fast", "-1/s", "1/h", "inf"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_stage_is_a_time_and_the_rate_at_its_end() {
        assert_eq!(stage("10s:200/s"), Ok((Duration::from_secs(10), 200.0)));
        for wrong in ["10s", "0s:1", ":1", "10s:", "10:1:1"] {
            assert!(stage(wrong).is_err(), "{wrong}");
        }
    }
}
