//! What may start when, and when a boot is over.

use std::time::Duration;

use super::{Effect, Event, Failure, Machine, Outcome, Pace, Phase, Reason, State};
use crate::{graph::Id, manifest::Condition};

impl Machine {
    /// Starts what has become possible, and says when the boot is over.
    pub(super) fn advance(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        // In the graph's order one pass is enough for what starts; only what is ready or left out at once
        // makes something else possible, and that stands later in the order.
        for id in self.graph.ids() {
            if matches!(self.state(id), State::Pending) && self.unmet(id).next().is_none() {
                self.start(id, now, effects);
            }
        }
        if self.phase != Phase::Booting {
            return;
        }
        let built = |id: Id| !self.node(id).untimed || matches!(self.state(id), State::Completed { .. });
        if !self.deadline_started && self.graph.ids().all(built) {
            self.deadline_started = true;
            effects.push(Effect::StartDeadline);
        }
        // Whoever stops a resource meanwhile does not want to wait for it.
        let settled = |state: &State| state.is_ready() || matches!(state, State::Stopped { .. });
        if self.graph.ids().all(|id| settled(self.state(id))) {
            self.phase = Phase::Up;
            effects.push(Effect::Booted(Outcome::Ready));
        }
    }

    /// The needs of `id` that it has to wait for. What somebody has stopped it does without, once it has run: so did it
    /// before, and nobody who restarts a gateway waits for a payment service that is down on purpose. Nor for what only
    /// had to be started before it and is down by itself.
    pub(super) fn unmet(&self, id: Id) -> impl Iterator<Item = (Id, Condition)> {
        let has_run = self.slots[id.index()].run > 0;
        let waived = move |need: Id, condition: Condition| match self.state(need) {
            State::Stopped { .. } => has_run,
            State::BackingOff { .. } | State::Failed { .. } => has_run && condition == Condition::Started,
            State::Pending
            | State::Starting { .. }
            | State::Ready { .. }
            | State::Unready { .. }
            | State::Draining { .. }
            | State::Completed { .. } => false,
        };
        self.node(id)
            .needs
            .iter()
            .copied()
            .filter(move |&(need, condition)| !self.is_met(need, condition) && !waived(need, condition))
    }

    pub(super) fn is_met(&self, need: Id, condition: Condition) -> bool {
        match (condition, self.state(need)) {
            (_, State::Completed { .. })
            | (Condition::Started | Condition::Ready, State::Ready { .. })
            | (Condition::Started, State::Starting { .. } | State::Unready { .. }) => true,
            (
                _,
                State::Pending
                | State::Starting { .. }
                | State::Ready { .. }
                | State::Unready { .. }
                | State::BackingOff { .. }
                | State::Draining { .. }
                | State::Stopped { .. }
                | State::Failed { .. },
            ) => false,
        }
    }

    /// A resource ended for good by itself; during the boot that ends everything.
    pub(super) fn fail(&mut self, id: Id, failure: Failure, now: Duration, effects: &mut Vec<Effect>) {
        self.enter(id, State::Failed { at: now, why: failure.clone() }, effects);
        if self.phase == Phase::Booting {
            effects.push(Effect::Booted(Outcome::Failed { id, failure }));
            self.begin_stop(Reason::BootFailed, Pace::Orderly, effects);
        }
    }

    /// [`Event::Deadline`].
    pub(super) fn deadline(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Booting && self.deadline_started {
            let waiting = self.graph.ids().filter(|&id| !self.state(id).is_ready());
            let chains = waiting.map(|id| self.explain(id, now)).collect();
            effects.push(Effect::Booted(Outcome::TimedOut { chains }));
            self.begin_stop(Reason::BootFailed, Pace::Orderly, effects);
        }
    }

    /// [`Event::Stop`], [`Event::FastStop`] and [`Event::Kill`].
    pub(super) fn stop(&mut self, reason: Reason, pace: Pace, now: Duration, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Booting => {
                effects.push(Effect::Booted(Outcome::Interrupted));
                self.begin_stop(reason, pace, effects);
            }
            Phase::Idle | Phase::Up => self.begin_stop(reason, pace, effects),
            Phase::Stopping { reason, pace: current } if pace > current => {
                self.phase = Phase::Stopping { reason, pace };
                self.hasten(pace, now, effects);
            }
            Phase::Stopping { .. } | Phase::Down => {}
        }
    }

    fn begin_stop(&mut self, reason: Reason, pace: Pace, effects: &mut Vec<Effect>) {
        self.phase = Phase::Stopping { reason, pace };
        effects.push(Effect::Stopping(reason));
    }
}

impl From<Reason> for Event {
    /// The stop that fits the reason: nobody waits for one that nobody asked for.
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Asked | Reason::BootFailed => Self::Stop(reason),
            Reason::LeaseLost | Reason::ReaperLost => Self::FastStop(reason),
        }
    }
}
