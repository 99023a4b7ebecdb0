//! Whether all that the shop's databases and topics say fits together, after scenarios.

use std::{collections::BTreeSet, time::Instant};

use anyhow::Context as _;
use shopctl_scenario::{
    invariants::{Addresses, Checker, Letters, Object, Options, Violation},
    report::Part,
};

use crate::{args::Global, client};

/// What has been looked at, and found.
pub(super) struct Invariants {
    addresses: Addresses,
    options: Options,
    checker: Checker,
    part: Part,
}

/// Something that does not hold.
pub(super) struct Broken {
    /// That it is about.
    pub(super) orders: Vec<i64>,
    pub(super) told: String,
}

impl Invariants {
    pub(super) async fn of(global: &Global) -> anyhow::Result<Self> {
        let addresses = serde_json::to_value(client::addresses(global).await?)?;
        let addresses =
            serde_json::from_value(addresses).context("the instance lacks an address that a check needs")?;
        let part = Part { seconds: 0.0, problems: Vec::new() };
        Ok(Self { addresses, options: Options::default(), checker: Checker::default(), part })
    }

    /// What does not hold now, and has not been told before. `foreign` are keys of records that stories have made up.
    pub(super) async fn check(&mut self, foreign: BTreeSet<String>) -> Vec<Broken> {
        let expected = &mut self.options.expected;
        expected.foreign.extend(foreign);
        expected.letters = Letters::Of(expected.foreign.clone());
        let began = Instant::now();
        let checked = self.checker.check(&self.addresses, &self.options, &mut |_| {}).await;
        self.part.seconds += began.elapsed().as_secs_f64();
        let mut found: Vec<Broken> = match checked {
            Ok(report) => report.violations.iter().map(Broken::of).collect(),
            Err(error) => {
                vec![Broken { orders: Vec::new(), told: format!("the shop cannot be checked: {error}") }]
            }
        };
        // Each story answers only for what has come since the one before.
        found.retain(|broken| !self.part.problems.contains(&broken.told));
        self.part.problems.extend(found.iter().map(|broken| broken.told.clone()));
        found
    }

    /// All of it.
    pub(super) fn part(self) -> Part {
        self.part
    }
}

impl Broken {
    fn of(violation: &Violation) -> Self {
        let objects: Vec<String> = violation.objects.iter().map(ToString::to_string).collect();
        let orders = violation.objects.iter().filter_map(|object| match object {
            Object::Order(order) => Some(*order),
            Object::Transaction(_)
            | Object::Product(_)
            | Object::Event(_)
            | Object::Record(_)
            | Object::Letter(_)
            | Object::Column(_) => None,
        });
        let Violation { claim, expected, found, next, .. } = violation;
        let told = format!("{}: {}: expected {expected}, found {found}; {next}", claim.words(), objects.join(", "));
        Self { orders: orders.collect(), told }
    }
}
