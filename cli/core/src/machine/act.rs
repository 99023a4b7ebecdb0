//! Starting, stopping and restarting single resources while the rest goes on.

use std::time::Duration;

use super::{Action, Effect, Machine, Pace, Phase, State, Then};
use crate::{
    graph::{Id, Role},
    manifest::Kind,
};

impl Machine {
    /// [`super::Event::Act`]. In a stop, and before the boot, nobody's wishes count any more, or yet.
    pub(super) fn act(&mut self, action: Action, ids: &[Id], now: Duration, effects: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::Booting | Phase::Up) {
            return;
        }
        for &id in ids {
            match action {
                Action::Start => self.want(id, effects),
                Action::Stop => self.stop_one(id, now, effects),
                Action::Restart => self.restart_one(id, now, effects),
            }
        }
    }

    fn want(&mut self, id: Id, effects: &mut Vec<Effect>) {
        let is_task = self.node(id).kind == Kind::Task;
        let elsewhere = self.role(id) == Role::External;
        match &mut self.slot(id).state {
            State::Draining { then, .. } => *then = Then::Start,
            State::Stopped { .. } | State::Failed { .. } | State::BackingOff { .. } => self.begin_anew(id, effects),
            State::Completed { .. } if is_task => self.begin_anew(id, effects),
            State::Starting { .. } | State::Ready { .. } | State::Unready { .. } if elsewhere => {
                self.begin_anew(id, effects);
            }
            State::Pending
            | State::Starting { .. }
            | State::Ready { .. }
            | State::Unready { .. }
            | State::Completed { .. } => {}
        }
        // Nobody can serve who waits for what was stopped.
        for (need, condition) in self.node(id).needs.clone() {
            if self.is_met(need, condition) {
                continue;
            }
            match self.state(need) {
                State::Stopped { .. } | State::Failed { .. } | State::Draining { .. } | State::Pending => {
                    self.want(need, effects);
                }
                State::Starting { .. }
                | State::Ready { .. }
                | State::Unready { .. }
                | State::BackingOff { .. }
                | State::Completed { .. } => {}
            }
        }
    }

    fn begin_anew(&mut self, id: Id, effects: &mut Vec<Effect>) {
        let slot = self.slot(id);
        slot.failures = 0;
        slot.taken_back = true;
        self.enter(id, State::Pending, effects);
    }

    fn stop_one(&mut self, id: Id, now: Duration, effects: &mut Vec<Effect>) {
        match &mut self.slot(id).state {
            State::Starting { .. } | State::Ready { .. } | State::Unready { .. } => {
                self.drain_one(id, Pace::Orderly, Then::Stay, now, effects);
            }
            State::Draining { then, .. } => *then = Then::Stay,
            State::Pending | State::BackingOff { .. } | State::Failed { .. } => {
                self.enter(id, State::Stopped { exit: None }, effects);
            }
            State::Completed { .. } | State::Stopped { .. } => {}
        }
    }

    fn restart_one(&mut self, id: Id, now: Duration, effects: &mut Vec<Effect>) {
        let live = matches!(self.state(id), State::Starting { .. } | State::Ready { .. } | State::Unready { .. });
        if live && self.role(id) == Role::Launched {
            self.slot(id).failures = 0;
            self.drain_one(id, Pace::Orderly, Then::Start, now, effects);
        } else {
            self.want(id, effects);
        }
    }
}
