//! What an instance looks like at one moment.

use serde::{Deserialize, Serialize};

use crate::{fault::Fault, message::BootOutcome};

/// All of an instance; what `status --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub instance: String,
    pub workspace: String,
    pub phase: Phase,
    pub supervisor: Supervisor,
    pub resources: Vec<Resource>,
    /// What is broken on purpose on edges and topics.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// How the boot ended, once it has.
    pub outcome: Option<BootOutcome>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Supervisor {
    pub pid: u32,
    pub version: String,
    /// Of this boot; every process of it carries this in `SHOPCTL_RUN`.
    pub run: String,
    /// Seconds since it started.
    pub uptime: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Booting,
    Up,
    Stopping,
    Down,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    pub name: String,
    /// `task`, `service` or `embedded`.
    pub kind: String,
    /// `pending`, `starting`, `ready`, `unready` (was ready, now its probe fails), `backing-off`, `stopping`, `completed`, `stopped` or `failed`.
    pub state: String,
    /// Serves, or has done what it was there for.
    pub ready: bool,
    /// Runs elsewhere (`--external`).
    pub external: bool,
    pub pid: Option<u32>,
    /// Port numbers by name.
    pub ports: std::collections::BTreeMap<String, u16>,
    /// Seconds from the supervisor's start until this resource was started, the last time.
    #[serde(default)]
    pub began: Option<f64>,
    /// Seconds from its start until it was ready or completed.
    pub took: Option<f64>,
    /// Seconds since it has been ready.
    pub uptime: Option<f64>,
    /// Exits in a row that nobody asked for.
    pub failures: u32,
    /// How often it was started after the first time.
    pub restarts: u32,
    /// Why its lines are lost, while they are: a full disk, most likely. The resource itself goes on.
    pub log_error: Option<String>,
    pub progress: Option<Progress>,
    /// What is broken about it on purpose, for people: `paused`, its failpoints as `NAME=ACTION`, or a fault of an edge that
    /// it calls over, or of a topic.
    #[serde(default)]
    pub faults: Vec<String>,
    /// Why it is not ready; empty if it is. Each waits for the next one.
    pub why: Vec<Cause>,
}

/// How far a task has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    #[serde(default)]
    pub done: u64,
    /// Unknown for some.
    #[serde(default)]
    pub total: Option<u64>,
    #[serde(default)]
    pub unit: String,
    #[serde(default)]
    pub message: String,
    /// Which of several pieces of work that go on at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
}

/// What one resource uses and writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub resource: String,
    /// Share of one core since the last look, of all its processes; unknown for containers, and at the first look.
    pub cpu: Option<f64>,
    /// Bytes of all its processes; what they share counts once. Unknown for containers.
    pub memory: Option<u64>,
    /// Lines ended since the supervisor started.
    pub lines: u64,
}

/// One link of the chain that leads to the root cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    pub resource: String,
    pub detail: String,
    /// Its last lines, where they may help.
    #[serde(default)]
    pub lines: Vec<String>,
}
