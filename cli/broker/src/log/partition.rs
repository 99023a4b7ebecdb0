//! A partition: its log behind a lock, and the fetches that wait for it to grow.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Log;

#[derive(Debug)]
pub(crate) struct Partition {
    log: Mutex<Log>,
    waiting: Mutex<Vec<Arc<Notify>>>,
}

impl Partition {
    pub(crate) fn open(dir: &Path, fsync: bool) -> io::Result<Self> {
        Ok(Self { log: Mutex::new(Log::open(dir, fsync)?), waiting: Mutex::default() })
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `waiter` is told once, at the next change. Register before looking: a change in between is then not missed.
    pub(crate) fn watch(&self, waiter: &Arc<Notify>) {
        let mut waiting = self.waiting();
        // Whoever went away (timed out, disconnected) left the only reference here.
        waiting.retain(|waiter| Arc::strong_count(waiter) > 1);
        waiting.push(Arc::clone(waiter));
    }

    /// Refuses to be written to from now on: the topic is deleted.
    pub(crate) fn close(&self) {
        self.log().close();
        self.changed();
    }

    /// Wakes every fetch that waits.
    pub(crate) fn changed(&self) {
        for waiter in self.waiting().drain(..) {
            waiter.notify_one();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
