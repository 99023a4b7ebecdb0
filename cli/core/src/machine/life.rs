//! One resource from its start to its end: what its process, its probe and its timers bring about.

use std::time::Duration;

use super::{Effect, Exit, Failure, Look, Machine, Phase, PortTaken, State, Streak, Then};
use crate::{
    backoff,
    graph::{Id, Role},
    manifest::{Kind, Restart},
};

/// How long a resource must have been ready for its earlier exits to be forgotten.
const HEALTHY: Duration = Duration::from_secs(10);
/// Exits before it was ever ready that make a resource fail its boot.
const EXITS_BEFORE_READY: u32 = 3;

impl Machine {
    pub(super) fn spawned(&mut self, id: Id, run: u32, new: u32) {
        if !self.is_current(id, run) {
            return;
        }
        match &mut self.slot(id).state {
            State::Starting { pid, .. }
            | State::Ready { pid, .. }
            | State::Unready { pid, .. }
            | State::Draining { pid, .. } => *pid = Some(new),
            State::Pending
            | State::BackingOff { .. }
            | State::Completed { .. }
            | State::Stopped { .. }
            | State::Failed { .. } => {}
        }
    }

    pub(super) fn not_spawned(&mut self, id: Id, run: u32, why: String, now: Duration, effects: &mut Vec<Effect>) {
        if !self.is_current(id, run) {
            return;
        }
        match self.state(id) {
            // What cannot be started now cannot be started in a second either: a missing program, no permission.
            State::Starting { .. } | State::Ready { .. } | State::Unready { .. } => {
                self.fail(id, Failure::NotSpawned(why), now, effects);
            }
            State::Draining { .. } => self.drained(id, None, now, effects),
            State::Pending
            | State::BackingOff { .. }
            | State::Completed { .. }
            | State::Stopped { .. }
            | State::Failed { .. } => {}
        }
    }

    pub(super) fn exited(
        &mut self,
        id: Id,
        run: u32,
        exit: Exit,
        port: Option<PortTaken>,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        if !self.is_current(id, run) {
            return;
        }
        match *self.state(id) {
            State::Starting { since, .. } if self.node(id).kind == Kind::Task && exit.is_success() => {
                self.enter(id, State::Completed { took: now.saturating_sub(since) }, effects);
            }
            State::Starting { .. } => match port {
                Some(taken) => self.fail(id, Failure::PortTaken(taken), now, effects),
                None => self.exited_unasked(id, exit, now, effects),
            },
            State::Ready { since, .. } => {
                if now.saturating_sub(since) >= HEALTHY {
                    self.slot(id).failures = 0;
                }
                self.exited_unasked(id, exit, now, effects);
            }
            State::Unready { .. } => self.exited_unasked(id, exit, now, effects),
            State::Draining { .. } => self.drained(id, Some(exit), now, effects),
            State::Pending
            | State::BackingOff { .. }
            | State::Completed { .. }
            | State::Stopped { .. }
            | State::Failed { .. } => {}
        }
    }

    /// It has ended as it was told to.
    fn drained(&mut self, id: Id, exit: Option<Exit>, now: Duration, effects: &mut Vec<Effect>) {
        let State::Draining { then, .. } = self.state(id) else { return };
        let running = matches!(self.phase, Phase::Booting | Phase::Up);
        match (then, exit) {
            (Then::Start, _) if running => self.enter(id, State::Pending, effects),
            (Then::BackOff(_), Some(exit)) if running => self.back_off(id, exit, now, effects),
            (Then::Stay | Then::Start | Then::BackOff(_), exit) => self.enter(id, State::Stopped { exit }, effects),
        }
    }

    fn exited_unasked(&mut self, id: Id, exit: Exit, now: Duration, effects: &mut Vec<Effect>) {
        let node = self.node(id);
        let again = match (node.kind, node.restart) {
            (Kind::Task, _) | (_, Restart::Never) => false,
            (_, Restart::OnFailure) => !exit.is_success(),
            (_, Restart::Always) => true,
        };
        let booting = self.phase == Phase::Booting;
        let slot = self.slot(id);
        slot.failures = slot.failures.saturating_add(1);
        let (failures, was_ready) = (slot.failures, slot.was_ready);
        if !again {
            self.fail(id, Failure::Exited(exit), now, effects);
        } else if booting && !was_ready && failures >= EXITS_BEFORE_READY {
            self.fail(id, Failure::CrashLoop { exits: failures, last: exit }, now, effects);
        } else {
            self.back_off(id, exit, now, effects);
        }
    }

    fn back_off(&mut self, id: Id, last: Exit, now: Duration, effects: &mut Vec<Effect>) {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let jitter = f64::from((self.seed >> 48) as u16) / f64::from(u16::MAX);
        let failures = self.failures(id);
        let until = now + backoff::restart(failures, jitter);
        self.enter(id, State::BackingOff { until, last, failures }, effects);
        let epoch = self.slots[id.index()].epoch;
        effects.push(Effect::Timer { id, epoch, at: until });
    }

    pub(super) fn timer(&mut self, id: Id, epoch: u32, now: Duration, effects: &mut Vec<Effect>) {
        if self.slots[id.index()].epoch != epoch {
            return;
        }
        match self.state(id) {
            // It starts once what it needs is there: that may be gone too.
            State::BackingOff { .. } => self.enter(id, State::Pending, effects),
            State::Draining { .. } => self.escalate(id, now, effects),
            State::Pending
            | State::Starting { .. }
            | State::Ready { .. }
            | State::Unready { .. }
            | State::Completed { .. }
            | State::Stopped { .. }
            | State::Failed { .. } => {}
        }
    }

    pub(super) fn start(&mut self, id: Id, now: Duration, effects: &mut Vec<Effect>) {
        let (kind, role, probe) = (self.node(id).kind, self.role(id), self.node(id).probe);
        if role == Role::Skipped {
            return self.enter(id, State::Completed { took: Duration::ZERO }, effects);
        }
        let slot = self.slot(id);
        slot.restarts += u32::from(slot.run > 0);
        slot.run += 1;
        slot.streak = Streak::default();
        let run = slot.run;
        let starting = State::Starting { since: now, pid: None, probes: 0, last_probe: None };
        self.enter(id, starting, effects);
        if role == Role::Launched {
            effects.push(Effect::Spawn { id, run });
        }
        if probe.is_some() {
            effects.push(Effect::Probe { id, run, look: Look::Readiness, after: backoff::probe(0) });
        } else if kind != Kind::Task {
            self.ready(id, now, effects);
        }
    }
}
