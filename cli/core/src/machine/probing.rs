//! What answers of probes mean: getting ready, being lost and found again, and seeming dead.

use std::time::Duration;

use super::{Effect, Look, Machine, Pace, State, Streak, Then};
use crate::{backoff, graph::Id};

/// After a first failure, and until what was lost is found again, it is looked at more often.
const DOUBT: Duration = Duration::from_millis(500);

impl Machine {
    pub(super) fn probed(
        &mut self,
        id: Id,
        run: u32,
        look: Look,
        outcome: Result<(), String>,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        if !self.is_current(id, run) {
            return;
        }
        match look {
            Look::Readiness => self.readiness(id, outcome, now, effects),
            Look::Liveness => self.liveness(id, outcome, now, effects),
        }
    }

    fn readiness(&mut self, id: Id, outcome: Result<(), String>, now: Duration, effects: &mut Vec<Effect>) {
        let Some(probing) = self.node(id).probe else { return };
        let rhythm = probing.rhythm;
        let slot = self.slot(id);
        let streak = &mut slot.streak;
        if outcome.is_ok() {
            *streak = Streak { successes: streak.successes + 1, failures: 0, ..*streak };
        } else {
            *streak = Streak { successes: 0, failures: streak.failures + 1, ..*streak };
        }
        let (found, lost) = (streak.successes >= rhythm.successes, streak.failures >= rhythm.failures);
        let after = match (&mut slot.state, outcome) {
            (State::Starting { .. } | State::Unready { .. }, Ok(())) if found => {
                return self.ready(id, now, effects);
            }
            (State::Starting { probes, .. }, Ok(())) => backoff::probe(*probes).min(rhythm.interval),
            (State::Starting { probes, last_probe, .. }, Err(error)) => {
                *last_probe = Some(error);
                *probes = probes.saturating_add(1);
                backoff::probe(*probes).min(rhythm.interval)
            }
            (State::Ready { .. }, Ok(())) => rhythm.interval,
            (State::Ready { pid, .. }, Err(error)) if lost => {
                let unready = State::Unready { since: now, pid: *pid, error };
                self.enter(id, unready, effects);
                rhythm.interval.min(DOUBT)
            }
            (State::Unready { .. }, Ok(())) | (State::Ready { .. }, Err(_)) => rhythm.interval.min(DOUBT),
            (State::Unready { error, .. }, Err(latest)) => {
                *error = latest;
                rhythm.interval.min(DOUBT)
            }
            (
                State::Pending
                | State::BackingOff { .. }
                | State::Draining { .. }
                | State::Completed { .. }
                | State::Stopped { .. }
                | State::Failed { .. },
                _,
            ) => return,
        };
        self.look_again(id, Look::Readiness, after, effects);
    }

    /// It can serve, for the first time or again.
    pub(super) fn ready(&mut self, id: Id, now: Duration, effects: &mut Vec<Effect>) {
        let slot = self.slot(id);
        let (pid, first) = match &slot.state {
            State::Starting { since, pid, .. } => {
                slot.took = now.saturating_sub(*since);
                (*pid, true)
            }
            state => (state.pid(), false),
        };
        slot.was_ready = true;
        let took = slot.took;
        self.enter(id, State::Ready { since: now, took, pid }, effects);
        let (probe, liveness) = (self.node(id).probe, self.node(id).liveness);
        if let Some(probing) = probe.filter(|probing| probing.repeats) {
            self.look_again(id, Look::Readiness, probing.rhythm.interval, effects);
        }
        // Not before: what takes long to start is not dead.
        if let Some(rhythm) = liveness.filter(|_| first) {
            self.look_again(id, Look::Liveness, rhythm.interval, effects);
        }
    }

    fn liveness(&mut self, id: Id, outcome: Result<(), String>, now: Duration, effects: &mut Vec<Effect>) {
        let Some(rhythm) = self.node(id).liveness else { return };
        if !matches!(self.state(id), State::Ready { .. } | State::Unready { .. }) {
            return;
        }
        let streak = &mut self.slot(id).streak;
        match outcome {
            Ok(()) => streak.liveness_failures = 0,
            Err(error) => {
                streak.liveness_failures += 1;
                if streak.liveness_failures >= rhythm.failures {
                    let slot = self.slot(id);
                    slot.failures = slot.failures.saturating_add(1);
                    return self.drain_one(id, Pace::Orderly, Then::BackOff(error), now, effects);
                }
            }
        }
        self.look_again(id, Look::Liveness, rhythm.interval, effects);
    }

    fn look_again(&self, id: Id, look: Look, after: Duration, effects: &mut Vec<Effect>) {
        effects.push(Effect::Probe { id, run: self.slots[id.index()].run, look, after });
    }
}
