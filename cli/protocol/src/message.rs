//! Requests, replies and updates.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::status::{Cause, Figure, Progress, Resource, Snapshot};

/// What a client may ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// First on every connection.
    Hello {
        protocol: u32,
        version: String,
    },
    Status,
    Why {
        resource: String,
    },
    /// The instance's addresses, or the environment of one service.
    Env {
        service: Option<String>,
    },
    /// While this connection lives, so does the instance; losing it is a fast stop. There is one lease.
    Lease,
    /// The instance lives on without this connection.
    Release,
    /// Does something with resources; answered when that has begun. Watch for the rest.
    Act {
        action: Action,
        resources: Vec<String>,
    },
    /// What is to happen at a named point of a service's code, `[P%][N*]TASK` and more of them by `->`; nothing any more
    /// without an action. Answered once the service knows, if it runs. A shop that was built without such points refuses.
    Failpoint {
        resource: String,
        point: String,
        action: Option<String>,
    },
    /// Breaks something between resources; in place of a fault of the same kind there. Answered when it is so.
    SetFault {
        fault: Fault,
    },
    /// Makes an edge or a topic whole again, or all of them. Answered when it is so.
    ClearFaults {
        on: Option<String>,
    },
    /// Ends everything; answered when that has begun. Watch for the end.
    Stop {
        mode: StopMode,
    },
    /// A snapshot, then every change, and the lines that `lines` lets pass. With `figures` also [`Update::Figures`] and
    /// [`Update::Logged`].
    Watch {
        lines: LogFilter,
        #[serde(default)]
        figures: bool,
    },
}

/// What may be wanted of single resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Also what it needs, where that was stopped or has failed. What runs elsewhere is taken back.
    Start,
    /// Whoever needs it goes on without.
    Stop,
    Restart,
    /// SIGKILL, as if it had crashed.
    Kill,
    /// SIGSTOP: it is there and does nothing, until it is resumed, or told to end.
    Pause,
    Resume,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopMode {
    /// Dependents first, each with its grace.
    Orderly,
    /// SIGKILL at once.
    Kill,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFilter {
    None,
    All,
    Only(Vec<String>),
}

impl LogFilter {
    #[must_use]
    pub fn passes(&self, resource: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(names) => names.iter().any(|name| name == resource),
        }
    }
}

/// The answer to one request.
#[expect(clippy::large_enum_variant, reason = "a reply is sent, and none is kept")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    Welcome {
        version: String,
    },
    Done,
    Status {
        snapshot: Snapshot,
    },
    Why {
        causes: Vec<Cause>,
    },
    /// JSON values for addresses (some are null), strings for a service's variables.
    Env {
        values: BTreeMap<String, serde_json::Value>,
    },
    Refused {
        why: String,
    },
}

/// What a watching client is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "update", rename_all = "kebab-case")]
pub enum Update {
    /// First, and again where changes were missed.
    Snapshot {
        snapshot: Snapshot,
    },
    Changed {
        resource: Resource,
    },
    Progress {
        resource: String,
        progress: Progress,
    },
    /// `stamp`: nanoseconds since 1970, rising strictly within an instance: time and sequence in one.
    /// `partial`: the line goes on in the next one of this stream.
    Line {
        resource: String,
        stamp: u64,
        stream: Stream,
        partial: bool,
        text: String,
    },
    Booted {
        outcome: BootOutcome,
    },
    /// Everything is being stopped; `asked`: because somebody wanted it.
    Stopping {
        why: String,
        asked: bool,
    },
    /// What the resources use and write: every 5 s, and every second while they write.
    Figures {
        figures: Vec<Figure>,
    },
    /// The log files have more lines than before; at most thirty times a second.
    Logged,
    /// Nothing runs any more; the last update.
    Down,
    /// The client read too slowly and this many updates are lost to it; the log files have every line.
    Missed {
        updates: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    Stdout,
    Stderr,
}

/// How a boot ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum BootOutcome {
    Ready,
    /// `causes`: from the resource to the root, with last lines.
    Failed {
        resource: String,
        why: String,
        causes: Vec<Cause>,
    },
    /// Another program has a port: `why` names it.
    PortTaken {
        resource: String,
        port: u16,
        why: String,
    },
    TimedOut {
        waiting: Vec<Cause>,
    },
    /// Stopped before it was over.
    Interrupted {
        why: String,
    },
}
