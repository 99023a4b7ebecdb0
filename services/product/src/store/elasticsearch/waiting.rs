//! Which products of this process's writes have events that the broker does not have yet. Only a list of where to look
//! first: the documents themselves say what waits, and those that nobody noted are searched for from time to time.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

#[derive(Default)]
pub(super) struct Waiting {
    /// In the order of the writes; a product may be there more than once.
    ids: Mutex<VecDeque<String>>,
    noted: Arc<Notify>,
}

impl Waiting {
    /// To be called after a write, when its event can be read.
    pub(super) fn note(&self, ids: impl IntoIterator<Item = String>) {
        let mut ids = ids.into_iter().peekable();
        if ids.peek().is_some() {
            self.ids().extend(ids);
            self.noted.notify_one();
        }
    }

    /// The same for those that are not noted yet, without telling anybody.
    pub(super) fn add(&self, ids: impl IntoIterator<Item = String>) {
        let mut noted = self.ids();
        let known: HashSet<String> = noted.iter().cloned().collect();
        noted.extend(ids.into_iter().filter(|id| !known.contains(id)));
    }

    /// Notified after writes.
    pub(super) fn noted(&self) -> Arc<Notify> {
        self.noted.clone()
    }

    /// Up to `count` products that were not `seen` yet, from the `from`th entry on, and the entry where to go on.
    pub(super) fn look(&self, from: usize, count: usize, seen: &mut HashSet<String>) -> (Vec<String>, usize) {
        let mut found = Vec::new();
        let mut next = from;
        for id in self.ids().iter().skip(from) {
            if found.len() == count {
                break;
            }
            if seen.insert(id.clone()) {
                found.push(id.clone());
            }
            next += 1;
        }
        (found, next)
    }

    /// Forgets these among the first `entries`, and returns how many that were; what was noted since stays.
    pub(super) fn forget(&self, told: &HashSet<String>, entries: usize) -> usize {
        if told.is_empty() {
            return 0;
        }
        let mut ids = self.ids();
        let (before, mut at) = (ids.len(), 0);
        ids.retain(|id| {
            at += 1;
            at > entries || !told.contains(id)
        });
        before - ids.len()
    }

    fn ids(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
