//! Who runs an instance, in words.

use std::{
    fmt, fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use super::{Instance, Running};
use crate::{
    plan::Plan,
    supervisor::{PLAN, RUNNING},
};

/// Who runs an instance, as far as its files tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub running: Running,
    pub since: Option<SystemTime>,
    pub workspace: Option<PathBuf>,
    /// The `up` that asked for this run, if it still is there; none: it runs detached.
    pub client: Option<u32>,
}

impl Instance {
    /// Who runs it, or ran it last; `None` while that is just being settled.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        let running = self.running().ok().flatten()?;
        let plan: Option<Plan> = self.load(PLAN).ok();
        // Of this very run, not of one that is just beginning or of the one before.
        let plan = plan.filter(|plan| plan.run == running.run);
        Some(Holder {
            since: fs::metadata(self.path(RUNNING)).and_then(|file| file.modified()).ok(),
            workspace: plan.as_ref().map(|plan| plan.workspace.clone()),
            client: plan.and_then(|plan| plan.client).filter(|client| client.is_alive()).map(|client| client.pid),
            running,
        })
    }
}

impl Holder {
    /// How long it has been running.
    #[must_use]
    pub fn uptime(&self) -> Option<Duration> {
        SystemTime::now().duration_since(self.since?).ok()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "supervisor pid {}, shopctl {}", self.running.supervisor.pid, self.running.version)?;
        if let Some(uptime) = self.uptime() {
            let seconds = uptime.as_secs();
            match (seconds / 3600, seconds / 60 % 60) {
                (0, 0) => write!(f, ", for {seconds} s")?,
                (0, minutes) => write!(f, ", for {minutes} min")?,
                (hours, minutes) => write!(f, ", for {hours} h {minutes} min")?,
            }
        }
        if let Some(workspace) = &self.workspace {
            write!(f, ", of {}", workspace.display())?;
        }
        match self.client {
            Some(pid) => write!(f, ", held by the `up` with pid {pid}"),
            None => f.write_str(", detached"),
        }
    }
}
