//! The states of a resource, each with its data.

use std::{fmt, time::Duration};

use crate::manifest::Signal;

/// Where a resource stands. Times are since the supervisor started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Waits for others, or for the boot to begin.
    Pending,
    /// Launched (a task: running), not yet ready.
    Starting {
        since: Duration,
        pid: Option<u32>,
        probes: u32,
        last_probe: Option<String>,
    },
    Ready {
        since: Duration,
        took: Duration,
        pid: Option<u32>,
    },
    /// Was ready and still runs, but its probe fails.
    Unready {
        since: Duration,
        pid: Option<u32>,
        error: String,
    },
    /// Exited unasked, will be started again.
    BackingOff {
        until: Duration,
        last: Exit,
        failures: u32,
    },
    /// Was told to end.
    Draining {
        since: Duration,
        pid: Option<u32>,
        plan: Drain,
        then: Then,
    },
    /// A task that ended well, or is left out.
    Completed {
        took: Duration,
    },
    /// Ended because it was told to (`exit` if it ran).
    Stopped {
        exit: Option<Exit>,
    },
    /// Ended by itself and stays so.
    Failed {
        at: Duration,
        why: Failure,
    },
}

impl State {
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Starting { .. } => "starting",
            Self::Ready { .. } => "ready",
            Self::Unready { .. } => "unready",
            Self::BackingOff { .. } => "backing-off",
            Self::Draining { .. } => "stopping",
            Self::Completed { .. } => "completed",
            Self::Stopped { .. } => "stopped",
            Self::Failed { .. } => "failed",
        }
    }

    /// Whether it serves, or has done what it was there for.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. } | Self::Completed { .. })
    }

    /// Whether a process of it may be alive.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Starting { .. } | Self::Ready { .. } | Self::Unready { .. } | Self::Draining { .. })
    }

    /// Whether anybody wants to know how it is: of what is told to end, nobody does.
    #[must_use]
    pub fn is_probed(&self) -> bool {
        matches!(self, Self::Starting { .. } | Self::Ready { .. } | Self::Unready { .. })
    }

    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Starting { pid, .. }
            | Self::Ready { pid, .. }
            | Self::Unready { pid, .. }
            | Self::Draining { pid, .. } => *pid,
            Self::Pending
            | Self::BackingOff { .. }
            | Self::Completed { .. }
            | Self::Stopped { .. }
            | Self::Failed { .. } => None,
        }
    }
}

/// What follows once a resource that was told to end has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// It stays stopped.
    Stay,
    /// It is started again at once.
    Start,
    /// Its liveness has failed, as said here: it is started again as after a crash.
    BackOff(String),
}

/// Signals still to be sent, each with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drain {
    pub(super) steps: Vec<(Duration, Signal)>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
}

impl Exit {
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with {code}"),
            Self::Signal(signal) => write!(f, "was killed by signal {signal}"),
        }
    }
}

/// Another program listens where a resource should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortTaken {
    pub port: u16,
    /// Pid and name, as far as they can be seen.
    pub holder: String,
}

impl fmt::Display for PortTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} is taken by {}", self.port, self.holder)
    }
}

/// Why a resource failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    Exited(Exit),
    CrashLoop { exits: u32, last: Exit },
    NotSpawned(String),
    PortTaken(PortTaken),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(exit) => exit.fmt(f),
            Self::CrashLoop { exits, last } => write!(f, "ended {exits} times before it was ready; last it {last}"),
            Self::NotSpawned(why) => write!(f, "could not be started: {why}"),
            Self::PortTaken(taken) => taken.fmt(f),
        }
    }
}
