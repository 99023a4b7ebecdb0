//! Whether all that the shop's databases and topics say fits together, after each scenario.

use std::time::Instant;

use anyhow::Context as _;
use shopctl_scenario::{
    invariants::{self, Addresses, Letters, Options, Violation},
    report::Part,
};

use crate::{args::Global, client};

/// What has been looked at, and found.
pub(super) struct Invariants {
    addresses: Addresses,
    options: Options,
    part: Part,
}

impl Invariants {
    pub(super) async fn of(global: &Global) -> anyhow::Result<Self> {
        let addresses = serde_json::to_value(client::addresses(global).await?)?;
        let addresses =
            serde_json::from_value(addresses).context("the instance lacks an address that a check needs")?;
        Ok(Self { addresses, options: Options::default(), part: Part { seconds: 0.0, problems: Vec::new() } })
    }

    /// What does not hold now, and has not been told before. `foreign` are keys of records that stories have made up.
    pub(super) async fn check(&mut self, foreign: impl Iterator<Item = String>) -> Vec<String> {
        let expected = &mut self.options.expected;
        expected.foreign.extend(foreign);
        expected.letters = Letters::Of(expected.foreign.clone());
        let began = Instant::now();
        let checked = invariants::check(&self.addresses, &self.options, &mut |_| {}).await;
        self.part.seconds += began.elapsed().as_secs_f64();
        let mut found: Vec<String> = match checked {
            Ok(report) => report.violations.iter().map(told).collect(),
            Err(error) => vec![format!("the shop cannot be checked: {error}")],
        };
        // Each story answers only for what has come since the one before.
        found.retain(|violation| !self.part.problems.contains(violation));
        self.part.problems.extend_from_slice(&found);
        found
    }

    /// All of it.
    pub(super) fn part(self) -> Part {
        self.part
    }
}

fn told(violation: &Violation) -> String {
    let objects: Vec<String> = violation.objects.iter().map(ToString::to_string).collect();
    let Violation { claim, expected, found, next, .. } = violation;
    format!("{}: {}: expected {expected}, found {found}; {next}", claim.words(), objects.join(", "))
}
