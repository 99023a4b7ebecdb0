//! What the resources use and write, for those who watch it. Looking costs a few reads of `/proc` for each process, so it
//! is done seldom, by a thread that may block, and not at all while nobody watches.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use nix::unistd::{SysconfVar, sysconf};
use shopctl_core::manifest::Kind;
use shopctl_protocol::Figure;
use tokio::task::{JoinHandle, spawn_blocking};

use super::Supervisor;
use crate::proc::{self, Identity, Usage};

/// Between two looks at how much is written.
pub(super) const PERIOD: Duration = Duration::from_secs(1);
/// Between two looks at what processes use, and two tellings where nobody writes.
const IDLE_PERIOD: Duration = Duration::from_millis(4900);

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct Figures {
    told: Option<Instant>,
    lines: u64,
    look: Option<JoinHandle<Looks>>,
    looks: Looks,
}

/// The last look at what each resource's processes use.
#[derive(Debug, Clone, Default)]
struct Looks {
    at: Option<Instant>,
    of: BTreeMap<String, Look>,
}

#[derive(Debug, Clone)]
struct Look {
    /// Of each process.
    ticks: BTreeMap<Identity, u64>,
    cpu: Option<f64>,
    memory: u64,
}

impl Figures {
    /// Somebody new wants to know: soon.
    pub(super) fn ask(&mut self) {
        self.told = None;
    }
}

impl Supervisor {
    /// Tells figures where they are due.
    pub(super) fn measure(&mut self) {
        if self.figures.look.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(look) = self.figures.look.take()
        {
            // It is over: this does not wait.
            if let Some(Ok(looks)) = futures::FutureExt::now_or_never(look) {
                self.figures.looks = looks;
                self.figures.told = None;
            }
        }
        let now = Instant::now();
        let is_old = |at: Option<Instant>| at.is_none_or(|at| now.duration_since(at) > IDLE_PERIOD);
        if self.figures.look.is_none() && is_old(self.figures.looks.at) {
            let roots: Vec<(String, u32)> = {
                let graph = self.machine.graph();
                // Of a container its own processes count, not the one that attends to it.
                let root = |id| match graph.node(id).kind {
                    Kind::Container => {
                        self.inside.get(&id).filter(|process| process.exists()).map(|process| process.pid)
                    }
                    Kind::Task | Kind::Embedded | Kind::Service => self.machine.state(id).pid(),
                };
                graph.ids().filter_map(|id| Some((self.name(id).to_owned(), root(id)?))).collect()
            };
            let before = self.figures.looks.clone();
            self.figures.look = Some(spawn_blocking(move || look(&roots, &before)));
        }
        let lines = self.store.lines();
        let sum = lines.values().sum();
        if self.figures.lines != sum || is_old(self.figures.told) {
            (self.figures.lines, self.figures.told) = (sum, Some(now));
            let figures = self.machine.graph().ids().map(|id| {
                let resource = self.name(id).to_owned();
                let look = self.figures.looks.of.get(&resource);
                Figure {
                    cpu: look.and_then(|look| look.cpu),
                    memory: look.map(|look| look.memory),
                    lines: lines.get(&resource).copied().unwrap_or_default(),
                    resource,
                }
            });
            self.hub.publish_figures(figures.collect());
        }
    }
}

fn look(roots: &[(String, u32)], before: &Looks) -> Looks {
    let at = Instant::now();
    let elapsed = before.at.map(|before| at.duration_since(before).as_secs_f64());
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().map_or(100.0, |ticks| ticks as f64);
    let of = roots.iter().filter_map(|(name, pid)| {
        let mut processes = proc::family(*pid);
        processes.extend(Identity::of(*pid));
        let used: Vec<(Identity, Usage)> =
            processes.into_iter().filter_map(|process| Some((process, process.usage()?))).collect();
        if used.is_empty() {
            return None;
        }
        let ticks: BTreeMap<Identity, u64> = used.iter().map(|(process, usage)| (*process, usage.ticks)).collect();
        let cpu = elapsed.zip(before.of.get(name)).map(|(elapsed, before)| {
            let since = |(process, ticks): (&Identity, &u64)| {
                ticks.saturating_sub(before.ticks.get(process).copied().unwrap_or_default())
            };
            ticks.iter().map(since).sum::<u64>() as f64 / per_second / elapsed
        });
        let private: u64 = used.iter().map(|(_, usage)| usage.private).sum();
        let shared = used.iter().map(|(_, usage)| usage.shared).max().unwrap_or_default();
        Some((name.clone(), Look { ticks, cpu, memory: private + shared }))
    });
    Looks { at: Some(at), of: of.collect() }
}
