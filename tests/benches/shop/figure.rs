use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;

/// In microseconds.
const LONGEST: u64 = 60_000_000;

/// What a number counts, and whether more of it is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Milliseconds,
    Seconds,
    PerSecond,
    Mebibytes,
    /// Of one core.
    Percent,
    /// A ratio.
    Times,
}

impl Unit {
    pub(crate) const fn symbol(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::PerSecond => "/s",
            Self::Mebibytes => "MiB",
            Self::Percent => "%",
            Self::Times => "x",
        }
    }

    const fn more_is_better(self) -> bool {
        match self {
            Self::PerSecond => true,
            Self::Milliseconds | Self::Seconds | Self::Mebibytes | Self::Percent | Self::Times => false,
        }
    }
}

/// What was promised: the least, and what is aimed at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Promise {
    pub(crate) bar: f64,
    pub(crate) aim: f64,
}

/// One number of the table.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) what: &'static str,
    pub(crate) value: f64,
    pub(crate) unit: Unit,
    pub(crate) promise: Promise,
}

/// How a figure compares with what was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Aim,
    Bar,
    Missed,
}

impl Figure {
    pub(crate) fn verdict(&self) -> Verdict {
        let meets = |promised: f64| match self.unit.more_is_better() {
            true => self.value >= promised,
            false => self.value <= promised,
        };
        match (meets(self.promise.aim), meets(self.promise.bar)) {
            (true, _) => Verdict::Aim,
            (false, true) => Verdict::Bar,
            (false, false) => Verdict::Missed,
        }
    }
}

/// What came out of one row.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) figures: Vec<Figure>,
    /// CPU time for one operation by process, in milliseconds, where it was looked at.
    pub(crate) cpu: BTreeMap<String, f64>,
    /// What a reader should know beside the figures.
    pub(crate) notes: Vec<String>,
}

impl Measured {
    pub(crate) fn add(&mut self, what: &'static str, value: f64, unit: Unit, promise: Promise) {
        self.figures.push(Figure { what, value, unit, promise });
    }
}

/// For times, kept in microseconds; longer ones count as [`LONGEST`].
pub(crate) fn times() -> Histogram<u64> {
    Histogram::new_with_max(LONGEST, 3).expect("three digits are possible")
}

pub(crate) fn record(times: &mut Histogram<u64>, time: Duration) {
    times.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
}

/// A percentile in milliseconds.
pub(crate) fn milliseconds(times: &Histogram<u64>, quantile: f64) -> f64 {
    real(times.value_at_quantile(quantile)) / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "counts and microseconds of a bench are far below 2^52")]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}
