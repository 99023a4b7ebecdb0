//! Why a resource is not ready, down to the root cause.

use std::time::Duration;

use super::{Machine, Phase, State, Then};
use crate::graph::Id;

/// So many exits in a row are called what they are.
const CRASH_LOOP: u32 = 3;

/// One link of the chain: a resource and what is the matter with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    pub id: Id,
    pub detail: String,
}

impl Machine {
    /// From `id` to the root: each link waits for the next. The last one waits for no other resource.
    #[must_use]
    pub fn explain(&self, id: Id, now: Duration) -> Vec<Cause> {
        let mut chain = Vec::new();
        let mut next = Some(id);
        // The graph has no circle, so this ends.
        while let Some(id) = next.take() {
            let blocker = match (self.state(id), self.phase) {
                (State::Pending, Phase::Booting | Phase::Up) => self.blocker(id),
                _ => None,
            };
            let detail = match blocker {
                Some(need) => {
                    let others = self.unmet(id).count() - 1;
                    let more = if others > 0 { format!(" (and {others} more)") } else { String::new() };
                    format!("waits for {}{more}", self.node(need).name)
                }
                None => self.detail(id, now),
            };
            chain.push(Cause { id, detail });
            next = blocker;
        }
        chain
    }

    /// The unmet need that says most about why: a failed one, one that exits, one that runs, one that waits.
    fn blocker(&self, id: Id) -> Option<Id> {
        let rank = |need: Id| match self.root(need) {
            State::Failed { .. } => 0,
            State::Unready { .. } | State::BackingOff { .. } => 1,
            State::Starting { .. } | State::Ready { .. } | State::Draining { .. } => 2,
            State::Stopped { .. } => 3,
            State::Pending | State::Completed { .. } => 4,
        };
        self.unmet(id).map(|(need, _)| need).min_by_key(|&need| rank(need))
    }

    /// The state at the end of the chain that begins here.
    fn root(&self, id: Id) -> &State {
        match self.state(id) {
            State::Pending => self.unmet(id).next().map_or(&State::Pending, |(need, _)| self.root(need)),
            state => state,
        }
    }

    fn detail(&self, id: Id, now: Duration) -> String {
        let ago = |since: Duration| format!("{:.1} s", now.saturating_sub(since).as_secs_f64());
        match self.state(id) {
            State::Pending => "the boot has not begun".to_owned(),
            State::Starting { since, last_probe: Some(error), .. } => {
                format!("started {} ago, not ready: {error}", ago(*since))
            }
            State::Starting { since, last_probe: None, .. } => format!("has been running for {}", ago(*since)),
            State::Ready { since, .. } => format!("has been ready for {}", ago(*since)),
            State::Unready { since, error, .. } => format!("was ready, but not for {} now: {error}", ago(*since)),
            State::BackingOff { until, last, failures } => {
                let wait = until.saturating_sub(now).as_secs_f64();
                let crash_loop = if *failures >= CRASH_LOOP { "crash loop: " } else { "" };
                format!("{crash_loop}{last} ({failures} in a row), starts again in {wait:.1} s")
            }
            State::Draining { since, then: Then::Stay, .. } => format!("was told to stop {} ago", ago(*since)),
            State::Draining { since, then: Then::Start, .. } => format!("was told to start again {} ago", ago(*since)),
            State::Draining { since, then: Then::BackOff(error), .. } => {
                format!("was told to end {} ago, to be started again: it seemed dead: {error}", ago(*since))
            }
            State::Completed { took } => format!("completed in {:.1} s", took.as_secs_f64()),
            State::Stopped { exit: Some(exit) } => format!("was stopped: {exit}"),
            State::Stopped { exit: None } => "was stopped".to_owned(),
            State::Failed { at, why } => format!("{why}, {} ago", ago(*at)),
        }
    }
}
