//! Keeping on disk how the instance looked, for those who ask when it does not run any more.

use shopctl_core::{
    Effect, Event, Machine,
    machine::{Outcome, Reason, State},
};
use shopctl_protocol::{Phase, Resource};

use super::{Supervisor, effects::stop_reason};
use crate::instance::Last;

/// When it is kept.
pub(super) enum Moment {
    Ready,
    /// What is stopped next was not yet when this came about.
    Failed,
    Stopping(Reason),
}

impl Moment {
    pub(super) fn of(effect: &Effect) -> Option<Self> {
        match effect {
            Effect::Booted(Outcome::Ready) => Some(Self::Ready),
            Effect::Booted(Outcome::Failed { .. } | Outcome::TimedOut { .. }) => Some(Self::Failed),
            // The failure is of more interest than what followed from it.
            Effect::Booted(Outcome::Interrupted) | Effect::Stopping(Reason::BootFailed) => None,
            Effect::Stopping(reason) => Some(Self::Stopping(*reason)),
            _ => None,
        }
    }
}

/// Whether everything may be stopped because of this event; probes and timers, which are many, never do that.
pub(super) fn may_be_the_last(event: &Event) -> bool {
    !matches!(event, Event::Boot | Event::Spawned { .. } | Event::Probed { .. } | Event::Timer { .. })
}

impl Supervisor {
    /// Writes down how everything looks, or looked `before` it was told to stop.
    pub(super) fn keep(&mut self, moment: Moment, before: Option<&Machine>) {
        let stopped = match moment {
            Moment::Ready | Moment::Failed => None,
            Moment::Stopping(reason) => Some(stop_reason(reason).to_owned()),
        };
        // What failed did so in the very step that told the rest to stop.
        let failed: Vec<Resource> = {
            let graph = self.machine.graph();
            let ids = graph.ids().filter(|&id| matches!(self.machine.state(id), State::Failed { .. }));
            ids.map(|id| self.resource(id)).collect()
        };
        let mut snapshot = match (before, &moment) {
            (Some(before), Moment::Failed | Moment::Stopping(_)) => {
                let after = std::mem::replace(&mut self.machine, before.clone());
                let snapshot = self.snapshot();
                self.machine = after;
                snapshot
            }
            (_, Moment::Ready) | (None, _) => self.snapshot(),
        };
        if matches!(moment, Moment::Failed | Moment::Stopping(_)) {
            snapshot.phase = Phase::Down;
        }
        for resource in &failed {
            if let Some(found) = snapshot.resources.iter_mut().find(|found| found.name == resource.name) {
                found.clone_from(resource);
            }
        }
        let last = Last::new(snapshot, stopped);
        let last = failed.iter().fold(last, |last, resource| last.rooted(&resource.why));
        if let Err(error) = self.instance.save(Last::FILE, &last) {
            tracing::error!(%error, "how it ended cannot be written");
        }
    }
}
