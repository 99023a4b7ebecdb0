use std::{
    collections::BTreeMap,
    fmt,
    str::FromStr,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde::{Serialize, Serializer};

use super::report::Second;

/// In microseconds; longer times count as this one.
const LONGEST: u64 = 600_000_000;

/// What a time is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// From when the checkout should have begun to the answer that has the order.
    Order,
    CheckOut,
    /// Opening the payment page.
    Page,
    /// Pressing Pay, with the provider's webhook.
    Pay,
    /// From the order's answer to its event that it is PAID.
    Paid,
    /// From the order's answer until recommender has it.
    Recommended,
    /// From when the checkout should have begun to the event that the order is PAID.
    Whole,
}

impl Step {
    pub const ALL: [Self; 7] =
        [Self::Order, Self::CheckOut, Self::Page, Self::Pay, Self::Paid, Self::Recommended, Self::Whole];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::CheckOut => "check-out",
            Self::Page => "page",
            Self::Pay => "pay",
            Self::Paid => "paid",
            Self::Recommended => "recommended",
            Self::Whole => "checkout",
        }
    }

    /// What is measured, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::CheckOut => "open a checkout",
            Self::Page => "open the payment page",
            Self::Pay => "pay",
            Self::Paid => "created to PAID",
            Self::Recommended => "created to recommended",
            Self::Whole => "whole checkout",
        }
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|step| step.name() == name)
            .ok_or_else(|| format!("no step {name:?}: there are {names}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// How a load goes, a few times a second.
#[derive(Debug, Clone, Default)]
pub struct Live {
    pub elapsed: Duration,
    /// Of the whole load.
    pub time: Duration,
    pub in_flight: u64,
    pub paid: u64,
    pub failed: u64,
    /// Whole checkouts a second, in the second before.
    pub rate: f64,
    /// Of whole checkouts so far, in seconds; none yet if nobody has paid.
    pub quantiles: Option<[f64; 3]>,
    /// The most frequent ones first.
    pub errors: Vec<(String, u64)>,
    /// Records that recommender and payment have not dealt with.
    pub lag: Option<i64>,
}

/// What was counted and timed.
pub(super) struct Tally {
    began: Instant,
    times: BTreeMap<Step, Histogram<u64>>,
    /// How long after it should have begun each checkout did.
    pub(super) late: Histogram<u64>,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) started: u64,
    pub(super) paid: u64,
    pub(super) failed: u64,
    pub(super) requests: u64,
    pub(super) seconds: Vec<Second>,
    /// Of whole checkouts, within the second that is under way.
    present: Histogram<u64>,
}

impl Tally {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            times: Step::ALL.into_iter().map(|step| (step, histogram())).collect(),
            late: histogram(),
            errors: BTreeMap::new(),
            started: 0,
            paid: 0,
            failed: 0,
            requests: 0,
            seconds: vec![Second::default()],
            present: histogram(),
        }
    }

    pub(super) fn time(&mut self, step: Step, time: Duration) {
        let time = micros(time);
        if let Some(times) = self.times.get_mut(&step) {
            times.saturating_record(time);
        }
        if step == Step::Whole {
            self.paid += 1;
            self.present.saturating_record(time);
            self.now().ended += 1;
        }
    }

    pub(super) fn start(&mut self, late: Duration) {
        self.started += 1;
        self.late.saturating_record(micros(late));
        self.now().started += 1;
    }

    pub(super) fn fail(&mut self, cause: String) {
        self.failed += 1;
        self.now().failed += 1;
        *self.errors.entry(cause).or_default() += 1;
    }

    /// What the recommender does not do is no failed checkout.
    pub(super) fn miss(&mut self, cause: String) {
        *self.errors.entry(cause).or_default() += 1;
    }

    pub(super) fn times(&self, step: Step) -> &Histogram<u64> {
        &self.times[&step]
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.started - self.paid - self.failed
    }

    /// The second that is under way; those before it are complete.
    fn now(&mut self) -> &mut Second {
        let at = usize::try_from(self.began.elapsed().as_secs()).unwrap_or(usize::MAX);
        while self.seconds.len() <= at {
            self.complete();
            let at = self.seconds.len() as u64;
            self.seconds.push(Second { at, ..Second::default() });
        }
        let last = self.seconds.len() - 1;
        &mut self.seconds[last]
    }

    /// Completes the second that was under way.
    pub(super) fn complete(&mut self) {
        let in_flight = self.in_flight();
        if let Some(second) = self.seconds.last_mut() {
            second.in_flight = in_flight;
            second.quantiles = quantiles(&self.present);
            self.present.reset();
        }
    }

    /// `lag` is what consumers are behind now.
    pub(super) fn live(&mut self, time: Duration, lag: Option<i64>) -> Live {
        self.now().lag = lag;
        let before = self.seconds.len().checked_sub(2).map(|at| &self.seconds[at]);
        let mut errors: Vec<(String, u64)> = self.errors.iter().map(|(cause, count)| (cause.clone(), *count)).collect();
        errors.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Live {
            elapsed: self.began.elapsed(),
            time,
            in_flight: self.in_flight(),
            paid: self.paid,
            failed: self.failed,
            rate: before.map_or(0.0, |second| real(second.ended)),
            quantiles: quantiles(&self.times[&Step::Whole]),
            errors,
            lag,
        }
    }
}

/// Seconds at p50, p95 and p99.
fn quantiles(times: &Histogram<u64>) -> Option<[f64; 3]> {
    (!times.is_empty()).then(|| [0.5, 0.95, 0.99].map(|quantile| seconds(times.value_at_quantile(quantile))))
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(LONGEST, 3).expect("three digits are possible")
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

pub(super) fn seconds(micros: u64) -> f64 {
    real(micros) / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "counts and microseconds of a load are far below 2^52")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}
