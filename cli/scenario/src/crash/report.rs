use std::{fmt, time::Instant};

use serde::Serialize;

use super::{Plan, Target, ledger::Ledger};
use crate::{invariants, report::Failure};

/// What came of all rounds. Times are in seconds.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub seed: u64,
    pub in_flight: usize,
    /// That were to begin in each round.
    pub checkouts: u64,
    pub seconds: f64,
    /// Somebody ended it early; what it says is proven all the same.
    pub interrupted: bool,
    pub rounds: Vec<Round>,
    pub paid: u64,
    pub cancelled: u64,
    /// What must not be; all of it came up in the last round.
    pub findings: Vec<Finding>,
    /// As they were after the last round.
    pub invariants: Option<invariants::Report>,
    #[serde(skip)]
    began: Option<Instant>,
}

/// One round.
#[derive(Debug, Clone, Serialize)]
pub struct Round {
    pub target: Target,
    /// With it and this target alone the round is played again.
    pub seed: u64,
    pub checkouts: u64,
    /// Tries of shoppers that were not the first.
    pub tries_again: u64,
    /// From each death until the service was ready again.
    pub recoveries: Vec<f64>,
    pub seconds: f64,
    #[serde(skip)]
    pub(super) trouble: Vec<String>,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Something is lost, doubled or wrong, and not merely late.
    pub violation: bool,
    pub what: String,
}

/// Between what shoppers were told and what order has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Difference {
    Lost { order: i64 },
    Doubled { orders: Vec<i64> },
    Changed { order: i64, told: String, status: String },
    Unfinished { order: i64, status: String },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { order } => write!(f, "order {order} is lost: its shopper has its id"),
            Self::Doubled { orders } => {
                let orders: Vec<String> = orders.iter().map(i64::to_string).collect();
                write!(f, "more orders than anybody has made: {}", orders.join(", "))
            }
            Self::Changed { order, told, status } => write!(f, "order {order} was told to be {told}, and is {status}"),
            Self::Unfinished { order, status } => write!(f, "order {order} is still {status}"),
        }
    }
}

impl Report {
    pub(super) fn begin(plan: &Plan) -> Self {
        Self {
            seed: plan.seed,
            in_flight: plan.in_flight,
            checkouts: plan.checkouts,
            seconds: 0.0,
            interrupted: false,
            rounds: Vec::new(),
            paid: 0,
            cancelled: 0,
            findings: Vec::new(),
            invariants: None,
            began: Some(Instant::now()),
        }
    }

    /// Nothing must not be.
    pub fn held(&self) -> bool {
        self.findings.is_empty()
    }

    pub fn is_violated(&self) -> bool {
        self.findings.iter().any(|finding| finding.violation)
    }

    pub fn strikes(&self) -> usize {
        self.rounds.iter().map(|round| round.recoveries.len()).sum()
    }

    pub(super) fn add(
        &mut self,
        mut round: Round,
        whole: Result<(), Failure>,
        ledger: &Ledger,
        differences: Vec<Difference>,
    ) {
        let mut late = std::mem::take(&mut round.trouble);
        late.extend(whole.err().map(|failure| format!("expected {}, observed {}", failure.expected, failure.observed)));
        late.extend(ledger.gave_up.iter().map(|(why, count)| format!("{count} shoppers gave up: {why}")));
        self.findings.extend(late.into_iter().map(|what| Finding { violation: false, what }));
        let told = differences.iter().map(|difference| Finding {
            violation: !matches!(difference, Difference::Unfinished { .. }),
            what: difference.to_string(),
        });
        self.findings.extend(told);
        self.rounds.push(round);
    }

    pub(super) fn checked(&mut self, invariants: invariants::Report) {
        let told = |claim: &invariants::Claim| Finding { violation: true, what: claim.words().to_owned() };
        self.findings.extend(invariants.counts.keys().map(told));
        self.invariants = Some(invariants);
    }

    pub(super) fn end(&mut self, ledger: &Ledger, interrupted: bool) {
        (self.paid, self.cancelled) = (ledger.count("PAID"), ledger.count("CANCELLED"));
        self.seconds = self.began.map_or(0.0, |began| began.elapsed().as_secs_f64());
        self.interrupted = interrupted;
    }
}
