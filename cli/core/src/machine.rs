//! The supervisor as a pure state machine: `step(event, now) -> effects`.
//!
//! `now` is the time since the supervisor started. Every process has a `run` number and every timer an `epoch`, so
//! that word of an earlier process, or a timer of an earlier state, is recognised and ignored.

mod act;
mod boot;
mod explain;
mod life;
mod probing;
mod shutdown;
mod state;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use explain::Cause;
pub use state::{Exit, Failure, PortTaken, State, Then};

use crate::{
    graph::{Graph, Id, Node, Role},
    manifest::Signal,
};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Start everything.
    Boot,
    Spawned {
        id: Id,
        run: u32,
        pid: u32,
    },
    NotSpawned {
        id: Id,
        run: u32,
        why: String,
    },
    /// A probe came back.
    Probed {
        id: Id,
        run: u32,
        look: Look,
        outcome: Result<(), String>,
    },
    /// The process is gone and its output read. `port`: another program listens on a port of this resource.
    Exited {
        id: Id,
        run: u32,
        exit: Exit,
        port: Option<PortTaken>,
    },
    Timer {
        id: Id,
        epoch: u32,
    },
    /// Somebody wants these started, stopped or started again.
    Act {
        action: Action,
        ids: Vec<Id>,
    },
    /// The time for the boot is over.
    Deadline,
    /// End everything, dependents first.
    Stop(Reason),
    /// End everything at once, with 1.5 s of grace.
    FastStop(Reason),
    /// SIGKILL to everything.
    Kill,
}

/// What somebody may want of single resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Also what it needs, where that was stopped or has failed. What runs elsewhere is taken back.
    Start,
    /// Whoever needs it goes on without.
    Stop,
    Restart,
}

/// Which of a resource's two probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    Readiness,
    Liveness,
}

/// Why everything is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Somebody asked for it.
    Asked,
    /// The client that held the lease is gone.
    LeaseLost,
    /// The reaper is gone, and with it the promise that nothing stays behind.
    ReaperLost,
    /// The boot failed.
    BootFailed,
}

/// What is to be done about it, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Spawn {
        id: Id,
        run: u32,
    },
    /// Probe once, `after` a delay; answered by `Probed`.
    Probe {
        id: Id,
        run: u32,
        look: Look,
        after: Duration,
    },
    Signal {
        id: Id,
        signal: Signal,
    },
    /// Answered by `Timer` at that time.
    Timer {
        id: Id,
        epoch: u32,
        at: Duration,
    },
    /// The build is over: answered by `Deadline` after the boot's timeout.
    StartDeadline,
    /// The state of a resource is another one.
    Changed(Id),
    /// The boot is over.
    Booted(Outcome),
    /// The phase is now `Stopping`.
    Stopping(Reason),
    /// Nothing runs any more, and nothing will.
    Down,
}

/// How a boot ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Ready,
    Failed {
        id: Id,
        failure: Failure,
    },
    /// Why each of those that are not ready is not, as of then.
    TimedOut {
        chains: Vec<Vec<Cause>>,
    },
    /// Stopped before it was over.
    Interrupted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Idle,
    Booting,
    Up,
    Stopping { reason: Reason, pace: Pace },
    Down,
}

/// How much time a stop leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pace {
    /// Dependents first, each with its own grace.
    Orderly,
    /// All at once, 1.5 s.
    Fast,
    /// SIGKILL at once.
    Kill,
}

/// A resource with what the machine remembers about it.
#[derive(Debug, Clone)]
struct Slot {
    state: State,
    epoch: u32,
    run: u32,
    /// Unasked exits in a row, none of which followed a healthy time.
    failures: u32,
    was_ready: bool,
    /// How often it was started after the first time.
    restarts: u32,
    /// From its start until it was ready.
    took: Duration,
    /// Answers of its probes in a row that speak against its state.
    streak: Streak,
    /// It ran elsewhere; from now on it is launched here.
    taken_back: bool,
}

/// Probes in a row of one process.
#[derive(Debug, Clone, Copy, Default)]
struct Streak {
    successes: u32,
    failures: u32,
    liveness_failures: u32,
}

#[derive(Debug, Clone)]
pub struct Machine {
    graph: Graph,
    slots: Vec<Slot>,
    phase: Phase,
    deadline_started: bool,
    /// State of a small generator: the jitter of restarts.
    seed: u64,
}

impl Machine {
    #[must_use]
    pub fn new(graph: Graph, seed: u64) -> Self {
        let slot = Slot {
            state: State::Pending,
            epoch: 0,
            run: 0,
            failures: 0,
            was_ready: false,
            restarts: 0,
            took: Duration::ZERO,
            streak: Streak::default(),
            taken_back: false,
        };
        let slots = vec![slot; graph.len()];
        Self { graph, slots, phase: Phase::Idle, deadline_started: false, seed }
    }

    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    #[must_use]
    pub fn state(&self, id: Id) -> &State {
        &self.slots[id.index()].state
    }

    /// Unasked exits in a row.
    #[must_use]
    pub fn failures(&self, id: Id) -> u32 {
        self.slots[id.index()].failures
    }

    /// How often it was started after the first time, for whatever reason.
    #[must_use]
    pub fn restarts(&self, id: Id) -> u32 {
        self.slots[id.index()].restarts
    }

    /// Who brings it to life, as of now: what ran elsewhere may have been taken back.
    #[must_use]
    pub fn role(&self, id: Id) -> Role {
        match self.node(id).role {
            Role::External if self.slots[id.index()].taken_back => Role::Launched,
            role => role,
        }
    }

    /// Takes in what happened at `now`; answers with what is to be done, in order.
    pub fn step(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Boot if self.phase == Phase::Idle => self.phase = Phase::Booting,
            Event::Boot => {}
            Event::Spawned { id, run, pid } => self.spawned(id, run, pid),
            Event::NotSpawned { id, run, why } => self.not_spawned(id, run, why, now, &mut effects),
            Event::Probed { id, run, look, outcome } => self.probed(id, run, look, outcome, now, &mut effects),
            Event::Exited { id, run, exit, port } => self.exited(id, run, exit, port, now, &mut effects),
            Event::Timer { id, epoch } => self.timer(id, epoch, now, &mut effects),
            Event::Act { action, ids } => self.act(action, &ids, now, &mut effects),
            Event::Deadline => self.deadline(now, &mut effects),
            Event::Stop(reason) => self.stop(reason, Pace::Orderly, now, &mut effects),
            Event::FastStop(reason) => self.stop(reason, Pace::Fast, now, &mut effects),
            Event::Kill => self.stop(Reason::Asked, Pace::Kill, now, &mut effects),
        }
        match self.phase {
            Phase::Booting | Phase::Up => self.advance(now, &mut effects),
            Phase::Stopping { .. } => self.drain(now, &mut effects),
            Phase::Idle | Phase::Down => {}
        }
        effects
    }

    fn node(&self, id: Id) -> &Node {
        self.graph.node(id)
    }

    fn slot(&mut self, id: Id) -> &mut Slot {
        &mut self.slots[id.index()]
    }

    /// The only way to another state: it ends the timers of the one before.
    fn enter(&mut self, id: Id, state: State, effects: &mut Vec<Effect>) {
        let slot = self.slot(id);
        slot.epoch += 1;
        slot.state = state;
        effects.push(Effect::Changed(id));
    }

    fn is_current(&self, id: Id, run: u32) -> bool {
        self.slots[id.index()].run == run
    }
}
