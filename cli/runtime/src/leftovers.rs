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
const GRACE: Duration = Duration::from_millis(1500);
/// When the second signal comes, for what has one (PostgreSQL's SIGQUIT).
const SECOND_SIGNAL: Duration = Duration::from_millis(1200);
/// Between two looks.
const PERIOD: Duration = Duration::from_millis(5);

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

/// Ends what an earlier run left, found by record and by marker. The caller holds the lock. Answers with how many
/// processes there were.
#[must_use]
pub fn end_all(instance: &Instance) -> usize {
    let marker = format!("{STATE}={}", instance.state_dir().display());
    let recorded = recorded(instance);
    fast_stop(&recorded, || {
        let mut left = proc::marked(std::slice::from_ref(&marker));
        left.extend(recorded.iter().map(|one| one.identity).filter(|identity| identity.is_alive()));
        left
    })
}

/// Ends everything that `left` finds: first with its own signal, after 1.5 s with SIGKILL, until nothing is found.
/// Answers with how many processes it has seen.
pub fn fast_stop(recorded: &[Recorded], mut left: impl FnMut() -> Vec<Identity>) -> usize {
    let begin = Instant::now();
    let mut told = BTreeSet::new();
    let mut second = false;
    loop {
        let alive = left();
        if alive.is_empty() {
            return told.len();
        }
        for &identity in &alive {
            let known = recorded.iter().find(|one| one.identity == identity);
            if told.insert(identity) {
                match known.and_then(|one| Some((one, one.signal(0)?))) {
                    Some((one, signal)) => one.send(signal),
                    None => identity.signal(signal::Signal::SIGTERM),
                }
            }
            if begin.elapsed() >= GRACE {
                identity.signal(signal::Signal::SIGKILL);
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
        std::thread::sleep(PERIOD);
    }
}
