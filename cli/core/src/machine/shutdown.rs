//! Ending everything, dependents first, as parallel as the edges allow; or all at once.

use std::time::Duration;

use super::{Effect, Machine, Pace, Phase, State, Then, state::Drain};
use crate::{
    graph::{Id, Role},
    manifest::{Signal, Stop},
};

/// Grace of a fast stop.
const FAST_GRACE: Duration = Duration::from_millis(1500);
/// When further signals come, as a share of the grace (PostgreSQL's SIGQUIT at 1.2 s of 1.5 s).
const FURTHER_SIGNALS: f64 = 0.8;

impl Machine {
    /// Tells everything to end whose dependents have ended.
    pub(super) fn drain(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let Phase::Stopping { reason: _, pace } = self.phase else { return };
        let ids: Vec<Id> = self.graph.ids().collect();
        // Against the graph's order: what ends at once (it never ran) makes the next ones possible. A database is
        // needed by the service behind a migration that has long completed: need passes on through whatever ended.
        let mut needed = vec![false; ids.len()];
        for &id in ids.iter().rev() {
            let by = &self.node(id).needed_by;
            needed[id.index()] = by.iter().any(|&other| needed[other.index()] || self.may_need(other));
            let waits = pace == Pace::Orderly && needed[id.index()];
            match self.state(id) {
                State::Pending | State::BackingOff { .. } => self.enter(id, State::Stopped { exit: None }, effects),
                State::Starting { .. } | State::Ready { .. } | State::Unready { .. } if !waits => {
                    self.drain_one(id, pace, Then::Stay, now, effects);
                }
                State::Starting { .. }
                | State::Ready { .. }
                | State::Unready { .. }
                | State::Draining { .. }
                | State::Completed { .. }
                | State::Stopped { .. }
                | State::Failed { .. } => {}
            }
        }
        if !ids.iter().any(|&id| self.may_need(id)) {
            self.phase = Phase::Down;
            effects.push(Effect::Down);
        }
    }

    /// Whether it may still use what it needs.
    fn may_need(&self, id: Id) -> bool {
        match self.state(id) {
            State::Pending
            | State::Starting { .. }
            | State::Ready { .. }
            | State::Unready { .. }
            | State::BackingOff { .. }
            | State::Draining { .. } => true,
            State::Completed { .. } | State::Stopped { .. } | State::Failed { .. } => false,
        }
    }

    pub(super) fn drain_one(&mut self, id: Id, pace: Pace, then: Then, now: Duration, effects: &mut Vec<Effect>) {
        if self.role(id) == Role::External {
            return self.enter(id, State::Stopped { exit: None }, effects);
        }
        let plan = Drain { steps: steps(&self.node(id).stop, pace, now) };
        let pid = self.state(id).pid();
        self.enter(id, State::Draining { since: now, pid, plan, then }, effects);
        self.escalate(id, now, effects);
    }

    /// Sends what is due and sets a timer for what is not yet.
    pub(super) fn escalate(&mut self, id: Id, now: Duration, effects: &mut Vec<Effect>) {
        let slot = self.slot(id);
        let epoch = slot.epoch;
        let State::Draining { plan, .. } = &mut slot.state else { return };
        while let Some(&(at, signal)) = plan.steps.first() {
            if at > now {
                effects.push(Effect::Timer { id, epoch, at });
                return;
            }
            plan.steps.remove(0);
            effects.push(Effect::Signal { id, signal });
        }
    }

    /// Shortens what is being drained already.
    pub(super) fn hasten(&mut self, pace: Pace, now: Duration, effects: &mut Vec<Effect>) {
        for id in self.graph.ids().collect::<Vec<_>>() {
            if matches!(self.state(id), State::Draining { .. }) {
                self.drain_one(id, pace, Then::Stay, now, effects);
            }
        }
    }
}

/// When which signal is sent; SIGKILL last.
fn steps(stop: &Stop, pace: Pace, now: Duration) -> Vec<(Duration, Signal)> {
    let grace = match pace {
        Pace::Orderly => stop.grace,
        Pace::Fast => stop.grace.min(FAST_GRACE),
        Pace::Kill => return vec![(now, Signal::Kill)],
    };
    let mut steps: Vec<_> = stop.signals.iter().map(|&signal| (now + grace.mul_f64(FURTHER_SIGNALS), signal)).collect();
    if let Some(first) = steps.first_mut() {
        first.0 = now;
    }
    steps.push((now + grace, Signal::Kill));
    steps
}
