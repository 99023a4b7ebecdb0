//! Ending at once what nobody supervises any more: the reaper's work, and the next `up`'s where the reaper is gone too.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use nix::sys::signal;
use serde::{Deserialize, Serialize};
use shopctl_core::manifest::{Signal, Stop, Target};

use crate::{
    instance::Instance,
    proc::{self, Identity},
    process::{self, STATE},
};

/// File of what runs, in the state directory.
pub const FILE: &str = "processes.json";
/// When SIGKILL follows.
pub(crate) const GRACE: Duration = Duration::from_millis(1500);
/// When the second signal comes, for what has one (PostgreSQL's SIGQUIT).
const SECOND_SIGNAL: Duration = Duration::from_millis(1200);
/// Between two looks.
const PERIOD: Duration = Duration::from_millis(2);

/// A process as the supervisor wrote it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub resource: String,
    pub identity: Identity,
    /// Names as in the manifest.
    signals: Vec<String>,
    group: bool,
}

impl Recorded {
    #[must_use]
    pub fn new(resource: &str, identity: Identity, stop: &Stop) -> Self {
        Self {
            resource: resource.to_owned(),
            identity,
            signals: stop.signals.iter().map(|signal| signal.as_str().to_owned()).collect(),
            group: stop.to == Target::Group,
        }
    }

    fn signal(&self, number: usize) -> Option<signal::Signal> {
        let all = [Signal::Term, Signal::Int, Signal::Quit, Signal::Hup, Signal::Kill];
        let name = self.signals.get(number)?;
        all.into_iter().find(|signal| signal.as_str() == name).map(process::system_signal)
    }

    fn send(&self, signal: signal::Signal) {
        if self.group { self.identity.signal_group(signal) } else { self.identity.signal(signal) }
    }
}

/// What the last supervisor of the instance wrote down.
#[must_use]
pub fn recorded(instance: &Instance) -> Vec<Recorded> {
    // Without the file, or with one that makes no sense, there are still descent and markers.
    instance.load(FILE).unwrap_or_default()
}

/// Ends what an earlier run left, found by record, by marker and by descent from those. The caller holds the lock.
/// Answers with how many processes there were.
#[must_use]
pub fn end_all(instance: &Instance) -> usize {
    let marker = format!("{STATE}={}", instance.state_dir().display());
    let recorded = recorded(instance);
    let mut seen: BTreeSet<Identity> = recorded.iter().map(|one| one.identity).collect();
    fast_stop(&recorded, GRACE, || {
        seen.extend(proc::marked(std::slice::from_ref(&marker)));
        seen.retain(|identity| identity.is_alive());
        // Once its parent is gone, nothing tells any more where a process without a marker came from.
        let roots: Vec<u32> = seen.iter().map(|identity| identity.pid).collect();
        if !roots.is_empty() {
            seen.extend(proc::descendants(&roots));
        }
        (!seen.is_empty()).then(|| seen.iter().copied().collect())
    })
}

/// Ends everything that `left` finds, until there is nothing left (`None`): first with its own signal, after `grace`
/// with SIGKILL. Answers with how many processes it has seen.
pub fn fast_stop(recorded: &[Recorded], grace: Duration, mut left: impl FnMut() -> Option<Vec<Identity>>) -> usize {
    let begin = Instant::now();
    let mut told = BTreeSet::new();
    let mut second = false;
    while let Some(alive) = left() {
        let kill = begin.elapsed() >= grace;
        let before = told.len();
        for &identity in &alive {
            let is_new = told.insert(identity);
            if kill {
                identity.signal(signal::Signal::SIGKILL);
            } else if is_new {
                let known = recorded.iter().find(|one| one.identity == identity);
                match known.and_then(|one| Some((one, one.signal(0)?))) {
                    Some((one, signal)) => one.send(signal),
                    None => identity.signal(signal::Signal::SIGTERM),
                }
            }
        }
        if !second && begin.elapsed() >= SECOND_SIGNAL {
            second = true;
            for one in recorded {
                if let Some(signal) = one.signal(1) {
                    one.send(signal);
                }
            }
        }
        // Whoever forks as fast as it is killed must not be given time for it.
        if !kill || told.len() == before {
            std::thread::sleep(PERIOD);
        }
    }
    told.len()
}
