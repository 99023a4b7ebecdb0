//! What is known of an instance that does not run: how it looked when that was last written down.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use shopctl_protocol::{BootOutcome, Cause, Snapshot};

use super::Instance;

/// How an instance looked at the end of its last boot, or when it began to go down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Last {
    /// Seconds since 1970.
    pub time: u64,
    pub snapshot: Snapshot,
    /// Why it went down; none if it did not yet, or nobody was left to write it.
    pub stopped: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<'a> {
    BootFailed(&'a BootOutcome),
    /// With the reason.
    Stopped(&'a str),
    /// Supervisor and machine tell nothing: one of them was killed.
    Killed,
}

impl Last {
    /// File of it in the state directory.
    pub const FILE: &'static str = "last.json";

    #[must_use]
    pub fn new(snapshot: Snapshot, stopped: Option<String>) -> Self {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Self { time, snapshot, stopped }
    }

    /// Of the last run of an instance; `None` if nothing is known of that one.
    #[must_use]
    pub fn of(instance: &Instance) -> Option<Self> {
        let last: Self = instance.load(Self::FILE).ok()?;
        let running = instance.running().ok().flatten();
        running.is_none_or(|running| running.run == last.snapshot.supervisor.run).then_some(last)
    }

    #[must_use]
    pub fn time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.time)
    }

    #[must_use]
    pub fn end(&self) -> End<'_> {
        match (&self.snapshot.outcome, &self.stopped) {
            (
                Some(
                    outcome @ (BootOutcome::Failed { .. }
                    | BootOutcome::PortTaken { .. }
                    | BootOutcome::TimedOut { .. }),
                ),
                _,
            ) => End::BootFailed(outcome),
            (Some(BootOutcome::Ready | BootOutcome::Interrupted { .. }) | None, Some(why)) => End::Stopped(why),
            (Some(BootOutcome::Ready | BootOutcome::Interrupted { .. }) | None, None) => End::Killed,
        }
    }

    /// Lets every chain that leads to `root` end as that one ends.
    #[must_use]
    pub fn rooted(mut self, root: &[Cause]) -> Self {
        let Some(first) = root.first() else { return self };
        for resource in &mut self.snapshot.resources {
            if let Some(at) = resource.why.iter().position(|cause| cause.resource == first.resource) {
                resource.why.truncate(at);
                resource.why.extend_from_slice(root);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shopctl_protocol::{Phase, Resource, Supervisor};

    fn cause(resource: &str, detail: &str) -> Cause {
        Cause { resource: resource.to_owned(), detail: detail.to_owned(), lines: Vec::new() }
    }

    fn last(outcome: Option<BootOutcome>, stopped: Option<&str>) -> Last {
        let waiting = Resource {
            why: vec![cause("order", "waits for order-migrate"), cause("order-migrate", "has been running for 1.0 s")],
            ..Resource::default()
        };
        let supervisor = Supervisor { pid: 1, version: String::new(), run: String::new(), uptime: 0.0 };
        let (instance, workspace) = (String::new(), String::new());
        let (resources, faults) = (vec![waiting], Vec::new());
        let snapshot = Snapshot { instance, workspace, phase: Phase::Booting, supervisor, resources, faults, outcome };
        Last::new(snapshot, stopped.map(str::to_owned))
    }

    #[test]
    fn a_run_ended_by_a_failure_by_a_wish_or_untold() {
        let failed = BootOutcome::TimedOut { waiting: Vec::new() };
        assert_eq!(last(Some(failed.clone()), None).end(), End::BootFailed(&failed));
        assert_eq!(last(Some(BootOutcome::Ready), Some("asked to stop")).end(), End::Stopped("asked to stop"));
        assert_eq!(last(Some(BootOutcome::Ready), None).end(), End::Killed);
        assert_eq!(last(None, None).end(), End::Killed);
    }

    #[test]
    fn who_waited_for_what_failed_is_told_how_that_ended() {
        let root = cause("order-migrate", "exited with 7");
        let last = last(None, None).rooted(std::slice::from_ref(&root));
        assert_eq!(last.snapshot.resources[0].why, [cause("order", "waits for order-migrate"), root]);
    }
}
