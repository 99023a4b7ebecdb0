//! All connections: how long each has waited for its client, and which one makes room when descriptors run out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// Stands for a connection whose client waits for the broker, as in a fetch or in a rebalance.
const BUSY: u64 = u64::MAX;
/// For a connection to end that is told to.
const PATIENCE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Connections {
    epoch: Instant,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    by_number: HashMap<u64, Arc<Entry>>,
}

#[derive(Debug)]
struct Entry {
    /// Since when the client is waited for, in microseconds since the epoch, or [`BUSY`].
    waits_since: AtomicU64,
    requests: AtomicU64,
    close: Notify,
    closed: Notify,
}

/// One connection's place among the others. To be dropped once its descriptor is closed.
#[derive(Debug)]
pub(crate) struct Seat {
    connections: Arc<Connections>,
    number: u64,
    entry: Arc<Entry>,
}

impl Connections {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { epoch: Instant::now(), entries: Mutex::default() })
    }

    pub(crate) fn enter(self: &Arc<Self>) -> Seat {
        let waits_since = AtomicU64::new(self.now());
        let entry =
            Arc::new(Entry { waits_since, requests: AtomicU64::new(0), close: Notify::new(), closed: Notify::new() });
        let mut entries = self.entries();
        let number = entries.next;
        entries.next += 1;
        entries.by_number.insert(number, Arc::clone(&entry));
        drop(entries);
        Seat { connections: Arc::clone(self), number, entry }
    }

    /// Closes the connection whose client has been waited for longest, first of those that never asked anything: an
    /// idle crowd does not crowd out who works. Waits until it is closed. False where every client waits for the broker.
    pub(crate) async fn make_room(&self) -> bool {
        let Some(longest) = self.longest() else { return false };
        longest.close.notify_one();
        // Where a request has come at the last moment, that is answered first, which may take long.
        timeout(PATIENCE, longest.closed.notified()).await.ok();
        true
    }

    fn longest(&self) -> Option<Arc<Entry>> {
        let mut entries = self.entries();
        let waiting = entries.by_number.iter().filter_map(|(number, entry)| {
            let since = entry.waits_since.load(Ordering::Relaxed);
            (since != BUSY).then_some((entry.requests.load(Ordering::Relaxed) > 0, since, *number))
        });
        let (_, _, longest) = waiting.min()?;
        entries.by_number.remove(&longest)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(BUSY - 1)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// The client waits for the broker from now on.
    pub(crate) fn works(&self) {
        self.entry.requests.fetch_add(1, Ordering::Relaxed);
        self.entry.waits_since.store(BUSY, Ordering::Relaxed);
    }

    /// The broker waits for the client from now on: to take its answer, then for the next request.
    pub(crate) fn waits(&self) {
        self.entry.waits_since.store(self.connections.now(), Ordering::Relaxed);
    }

    /// Done when the connection has to make room for another.
    pub(crate) async fn closed(&self) {
        self.entry.close.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.entries().by_number.remove(&self.number);
        self.entry.closed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_is_made_by_who_never_asked_then_by_the_longest_idle_and_never_by_who_waits_for_the_broker() {
        let connections = Connections::new();
        let [worker, asked_late, asked_early, silent] = [(); 4].map(|()| connections.enter());
        worker.works();
        for seat in [&asked_early, &asked_late] {
            seat.works();
            let before = connections.now();
            while connections.now() == before {
                tokio::task::yield_now().await;
            }
            seat.waits();
        }
        for longest in [silent, asked_early, asked_late] {
            let leaves = async {
                longest.closed().await;
                drop(longest);
            };
            assert!(tokio::join!(connections.make_room(), leaves).0);
        }
        assert!(!connections.make_room().await);
        worker.waits();
        assert!(connections.make_room().await);
    }

    #[tokio::test]
    async fn who_has_left_makes_no_room() {
        let connections = Connections::new();
        drop(connections.enter());
        assert!(!connections.make_room().await);
    }
}
