use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    Arrivals, Plan, Step,
    tally::{Tally, real, seconds},
};
use crate::invariants;

/// A start that is later than this (at p99) is the generator's fault ...
const LATE: f64 = 0.010;
/// ... and so is what is measured while it uses more of its core than this.
const BUSY: f64 = 0.9;
/// Quantiles that are told of each step.
const QUANTILES: [f64; 6] = [0.5, 0.9, 0.95, 0.99, 0.999, 1.0];

/// What came of a load. Times are in seconds.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub arrivals: Arrivals,
    pub seed: u64,
    /// From the first start to the last answer.
    pub seconds: f64,
    pub started: u64,
    pub paid: u64,
    pub failed: u64,
    /// Whole checkouts a second.
    pub rate: f64,
    pub requests: u64,
    pub requests_per_second: f64,
    /// Steps that happened at all.
    pub steps: Vec<StepTimes>,
    /// By step and cause.
    pub errors: BTreeMap<String, u64>,
    pub thresholds: Vec<Verdict>,
    pub generator: Generator,
    /// One for each second.
    pub series: Vec<Second>,
    /// What the databases and topics say afterwards, if they were asked.
    pub invariants: Option<invariants::Report>,
    /// What lasted 5 s while the load went on, if somebody watched.
    pub watched: Vec<invariants::Violation>,
}

/// How long a step took.
#[derive(Debug, Clone, Serialize)]
pub struct StepTimes {
    pub step: Step,
    pub count: u64,
    pub mean: f64,
    pub max: f64,
    pub p50: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    pub p999: f64,
    #[serde(skip)]
    times: Histogram<u64>,
}

/// A threshold and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    pub threshold: String,
    pub measured: String,
    pub held: bool,
}

/// How the load's own thread did.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Generator {
    /// The part of one core that it used.
    pub busy: f64,
    /// How late checkouts began, at p99. In a closed model none is late.
    pub late: f64,
    /// It was itself too slow for what it should have made.
    pub bottleneck: bool,
}

/// What happened in one second.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Second {
    pub at: u64,
    pub started: u64,
    pub ended: u64,
    pub failed: u64,
    pub in_flight: u64,
    /// Of the whole checkouts that ended, at p50, p95 and p99.
    pub quantiles: Option<[f64; 3]>,
    /// Records that recommender and payment have not dealt with.
    pub lag: Option<i64>,
}

impl StepTimes {
    fn new(step: Step, times: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| seconds(times.value_at_quantile(quantile));
        let [p50, p90, p95, p99, p999, max] = QUANTILES.map(at);
        let (count, mean, times) = (times.len(), times.mean() / 1e6, times.clone());
        (count > 0).then_some(Self { step, count, mean, max, p50, p90, p95, p99, p999, times })
    }

    pub(super) fn percentile(&self, percent: f64) -> f64 {
        seconds(self.times.value_at_percentile(percent))
    }
}

impl Generator {
    pub(super) fn new(busy: f64, late: f64) -> Self {
        Self { busy, late, bottleneck: busy > BUSY || late > LATE }
    }
}

impl Report {
    pub(super) fn new(plan: &Plan, mut tally: Tally, time: Duration, busy: f64) -> Self {
        tally.complete();
        let time = time.as_secs_f64();
        let late = seconds(tally.late.value_at_quantile(0.99));
        let mut report = Self {
            arrivals: plan.arrivals.clone(),
            seed: plan.seed,
            seconds: time,
            started: tally.started,
            paid: tally.paid,
            failed: tally.failed,
            rate: real(tally.paid) / time,
            requests: tally.requests,
            requests_per_second: real(tally.requests) / time,
            steps: Step::ALL.into_iter().filter_map(|step| StepTimes::new(step, tally.times(step))).collect(),
            errors: tally.errors,
            thresholds: Vec::new(),
            generator: Generator::new(busy, late),
            series: tally.seconds,
            invariants: None,
            watched: Vec::new(),
        };
        let judge = |threshold: &super::Threshold| {
            let (measured, held) = threshold.judge(&report);
            Verdict { threshold: threshold.to_string(), measured, held }
        };
        report.thresholds = plan.thresholds.iter().map(judge).collect();
        report
    }

    /// Of a step that happened at all.
    pub fn times(&self, step: Step) -> Option<&StepTimes> {
        self.steps.iter().find(|times| times.step == step)
    }

    /// From 0 to 1.
    pub fn failed_part(&self) -> f64 {
        if self.started == 0 { 0.0 } else { real(self.failed) / real(self.started) }
    }

    /// The thresholds that were not kept.
    pub fn missed(&self) -> impl Iterator<Item = &Verdict> {
        self.thresholds.iter().filter(|verdict| !verdict.held)
    }
}
