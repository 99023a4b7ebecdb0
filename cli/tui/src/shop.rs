//! The instance as the control socket's updates tell it.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use shopctl_protocol::{BootOutcome, Figure, Phase, Progress, Resource, Snapshot, Update};

/// Points of the curve of a log's rate that are kept.
const POINTS: usize = 64;

/// What one resource needs of another before it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    pub resource: String,
    pub needs: String,
    /// `started`, `ready` or `completed`.
    pub condition: String,
}

#[derive(Debug, Default)]
pub(crate) struct Shop {
    /// None until the supervisor has said anything.
    pub(crate) snapshot: Option<Snapshot>,
    /// When what is told in seconds was so, by the clock of messages.
    pub(crate) told: BTreeMap<String, Duration>,
    pub(crate) snapshot_at: Duration,
    pub(crate) edges: Vec<Edge>,
    pub(crate) usage: BTreeMap<String, Usage>,
    /// By resource, then by the part of its work.
    pub(crate) progress: BTreeMap<String, BTreeMap<Option<String>, Progress>>,
    /// Lines of level error that nobody has looked at.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Why everything is being stopped.
    pub(crate) stopping: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Usage {
    pub(crate) figure: Option<Figure>,
    at: Duration,
    /// Lines a second, the last ones at the end.
    pub(crate) rates: VecDeque<f64>,
}

impl Shop {
    pub(crate) fn resources(&self) -> &[Resource] {
        self.snapshot.as_ref().map_or(&[], |snapshot| &snapshot.resources)
    }

    pub(crate) fn resource(&self, name: &str) -> Option<&Resource> {
        self.resources().iter().find(|resource| resource.name == name)
    }

    pub(crate) fn phase(&self) -> Option<Phase> {
        self.snapshot.as_ref().map(|snapshot| snapshot.phase)
    }

    /// How the boot failed, if it did.
    pub(crate) fn failure(&self) -> Option<&BootOutcome> {
        self.snapshot.as_ref()?.outcome.as_ref().filter(|outcome| match outcome {
            BootOutcome::Ready | BootOutcome::Interrupted { .. } => false,
            BootOutcome::Failed { .. } | BootOutcome::PortTaken { .. } | BootOutcome::TimedOut { .. } => true,
        })
    }

    /// Seconds that a resource has been ready.
    pub(crate) fn uptime(&self, resource: &Resource, now: Duration) -> Option<f64> {
        let told = self.told.get(&resource.name).copied().unwrap_or_default();
        Some(resource.uptime? + now.saturating_sub(told).as_secs_f64())
    }

    /// Seconds since the supervisor started.
    pub(crate) fn clock(&self, now: Duration) -> f64 {
        let uptime = self.snapshot.as_ref().map_or(0.0, |snapshot| snapshot.supervisor.uptime);
        uptime + now.saturating_sub(self.snapshot_at).as_secs_f64()
    }

    pub(crate) fn take(&mut self, update: Update, now: Duration) {
        match update {
            Update::Snapshot { snapshot } => {
                for resource in &snapshot.resources {
                    self.told.insert(resource.name.clone(), now);
                    self.note_progress(resource);
                }
                self.snapshot_at = now;
                self.snapshot = Some(snapshot);
            }
            Update::Changed { resource } => {
                self.told.insert(resource.name.clone(), now);
                self.note_progress(&resource);
                let Some(snapshot) = &mut self.snapshot else { return };
                match snapshot.resources.iter_mut().find(|found| found.name == resource.name) {
                    Some(found) => *found = resource,
                    None => snapshot.resources.push(resource),
                }
            }
            Update::Progress { resource, progress } => {
                self.progress.entry(resource).or_default().insert(progress.part.clone(), progress);
            }
            Update::Booted { outcome } => {
                let Some(snapshot) = &mut self.snapshot else { return };
                if outcome == BootOutcome::Ready {
                    snapshot.phase = Phase::Up;
                }
                snapshot.outcome = Some(outcome);
            }
            Update::Stopping { why, asked: _ } => {
                self.stopping = Some(why);
                self.set_phase(Phase::Stopping);
            }
            Update::Down => self.set_phase(Phase::Down),
            Update::Figures { figures } => figures.into_iter().for_each(|figure| self.note_figure(figure, now)),
            // Lines come from the files; where changes were missed, a snapshot follows.
            Update::Line { .. } | Update::Logged | Update::Missed { .. } => {}
        }
    }

    fn set_phase(&mut self, phase: Phase) {
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.phase = phase;
        }
    }

    fn note_progress(&mut self, resource: &Resource) {
        match &resource.progress {
            Some(progress) => {
                let parts = self.progress.entry(resource.name.clone()).or_default();
                parts.insert(progress.part.clone(), progress.clone());
            }
            None => drop(self.progress.remove(&resource.name)),
        }
    }

    fn note_figure(&mut self, figure: Figure, now: Duration) {
        let usage = self.usage.entry(figure.resource.clone()).or_default();
        if let Some(before) = &usage.figure {
            let seconds = now.saturating_sub(usage.at).as_secs_f64().max(0.1);
            let rate = figure.lines.saturating_sub(before.lines) as f64 / seconds;
            if usage.rates.len() == POINTS {
                usage.rates.pop_front();
            }
            usage.rates.push_back(rate);
        }
        usage.at = now;
        usage.figure = Some(figure);
    }

    pub(crate) fn note_errors(&mut self, counts: Vec<(String, u64)>, seen: Option<&str>) {
        for (resource, count) in counts {
            if seen != Some(&resource) {
                *self.errors.entry(resource).or_default() += count;
            }
        }
    }

    /// From what was started first to what was ready last: each waited for the one before it.
    pub(crate) fn critical_path(&self) -> Vec<&str> {
        let end = |name: &str| {
            let resource = self.resource(name)?;
            Some(resource.began? + resource.took?)
        };
        let Some(mut at) = self
            .resources()
            .iter()
            .filter_map(|resource| Some((resource.name.as_str(), end(&resource.name)?)))
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
            .map(|(name, _)| name)
        else {
            return Vec::new();
        };
        let mut path = vec![at];
        while path.len() <= self.resources().len() {
            let needs = self.edges.iter().filter(|edge| edge.resource == at);
            // What only has to be started holds up nobody for long.
            let held = needs.filter(|edge| edge.condition != "started");
            let latest = held.filter_map(|edge| Some((edge.needs.as_str(), end(&edge.needs)?)));
            let Some((before, _)) = latest.max_by(|(_, a), (_, b)| a.total_cmp(b)) else { break };
            path.push(before);
            at = before;
        }
        path.reverse();
        path
    }
}
