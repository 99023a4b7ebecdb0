//! Slows guessing. While an address has no failure, as many tries for it go at once as there are cores to hash on; from
//! the first failure on they go one after the other, each failure makes the next wait longer, up to half a second, and what
//! tries at once have gained, those after them wait for.
//!
//! Nobody is locked out: the right password gets its turn too, and clears the record. An address counts whether it has an
//! account or not, so that the wait tells nothing. Kept in memory: a restart forgets, and each replica counts for itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

const FIRST_DELAY: Duration = Duration::from_millis(100);
/// Two guesses a second are hopeless against a fair password, and whoever has the right one waits ten seconds behind twenty
/// guesses at once: longer delays would let a guesser lock people out after all.
const LONGEST_DELAY: Duration = Duration::from_millis(500);
/// After so long without a failure an address starts afresh.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 60);
/// Tries for one address that may wait at a time; one more is sent away.
const WAITING: usize = 200;
/// Below this many addresses, looking for forgotten ones is not worth it.
const SMALL: usize = 1024;

/// How long after the start of the last of `failures` in a row the next try may start.
fn delay(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        n => FIRST_DELAY.saturating_mul(1_u32.checked_shl(n - 1).unwrap_or(u32::MAX)).min(LONGEST_DELAY),
    }
}

/// Too many tries for one address wait already.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many tries at once for this e-mail address")]
pub(crate) struct Crowded;

pub(crate) struct Throttle {
    addresses: Mutex<Addresses>,
    /// Tries for an address without failures that may go at once.
    at_once: u32,
}

#[derive(Default)]
struct Addresses {
    records: HashMap<String, Arc<Record>>,
    /// Forgotten records are swept when there are more than this: so the cost is spread, and memory is bounded by what
    /// can fail within [`FORGOTTEN_AFTER`].
    sweep_above: usize,
}

struct Record {
    /// One for each try that may go at once; whoever has all of them is alone. They are handed out first come, first served.
    permits: Arc<Semaphore>,
    history: Mutex<History>,
}

/// The failures in a row.
#[derive(Clone, Copy, Default)]
struct History {
    failures: u32,
    /// When the next try may start; `None` without a failure.
    next: Option<Instant>,
}

impl Record {
    fn history(&self) -> MutexGuard<'_, History> {
        // Nothing that is done under it can panic half-way.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History {
    fn is_forgotten(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| now.saturating_duration_since(next) >= FORGOTTEN_AFTER)
    }

    fn failed(&mut self, started: Instant) {
        self.failures = self.failures.saturating_add(1);
        // Of tries at once each adds its delay: as many after the other would have waited as long.
        self.next = Some(self.next.map_or(started, |next| next.max(started)) + delay(self.failures));
    }
}

/// The right to one try. Unless it is forgiven it counts as a failure, so that hanging up before the answer gains nothing.
pub(crate) struct Turn {
    record: Arc<Record>,
    started: Instant,
    forgiven: bool,
    /// Returned after the outcome is written down: who comes next knows it.
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    /// The try succeeded, or was no fault of the caller's: the address starts afresh.
    pub(crate) fn forgive(mut self) {
        *self.record.history() = History::default();
        self.forgiven = true;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.forgiven {
            self.record.history().failed(self.started);
        }
    }
}

impl Throttle {
    /// So many tries at once for an address that has no failure, at least one.
    pub(crate) fn new(at_once: u32) -> Self {
        Self { addresses: Mutex::default(), at_once: at_once.max(1) }
    }

    /// Waits for this address's turn. `key` is the normalised address.
    pub(crate) async fn turn(&self, key: &str) -> Result<Turn, Crowded> {
        let record = self.record(key)?;
        let permit = match acquire(&record, 1).await? {
            (permit, None) => permit,
            // The failure is news, or old: this one has to be alone.
            (permit, Some(_)) => {
                drop(permit);
                match acquire(&record, self.at_once).await? {
                    (mut permit, None) => {
                        // Somebody has had the right password meanwhile.
                        drop(permit.split(self.at_once as usize - 1));
                        permit
                    }
                    (permit, Some(next)) => {
                        tokio::time::sleep_until(next).await;
                        permit
                    }
                }
            }
        };
        Ok(Turn { record, started: Instant::now(), forgiven: false, _permit: permit })
    }

    fn record(&self, key: &str) -> Result<Arc<Record>, Crowded> {
        // Nothing below can panic half-way, so a poisoned lock still guards whole data.
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.sweep(Instant::now());
        let record = addresses.records.entry(key.to_owned()).or_insert_with(|| {
            let permits = Arc::new(Semaphore::new(self.at_once as usize));
            Arc::new(Record { permits, history: Mutex::default() })
        });
        // The map holds one; each waiting try another.
        if Arc::strong_count(record) > WAITING {
            return Err(Crowded);
        }
        Ok(Arc::clone(record))
    }
}

/// Waits for so many permits; also returns when the next try may start, if there is a failure that is not forgotten.
async fn acquire(record: &Record, permits: u32) -> Result<(OwnedSemaphorePermit, Option<Instant>), Crowded> {
    // It is never closed.
    let permit = Arc::clone(&record.permits).acquire_many_owned(permits).await.map_err(|_| Crowded)?;
    let mut history = record.history();
    if history.is_forgotten(Instant::now()) {
        *history = History::default();
    }
    Ok((permit, history.next))
}

impl Addresses {
    fn sweep(&mut self, now: Instant) {
        if self.records.len() <= self.sweep_above.max(SMALL) {
            return;
        }
        // References are handed out under the lock we hold: one that only the map has, nobody waits for.
        self.records.retain(|_, record| Arc::strong_count(record) > 1 || !record.history().is_forgotten(now));
        self.sweep_above = self.records.len() * 2;
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    #[test]
    fn delays_double_up_to_half_a_second() {
        let table = [(0, 0), (1, 100), (2, 200), (3, 400), (4, 500), (5, 500), (40, 500), (u32::MAX, 500)];
        for (failures, millis) in table {
            assert_eq!(delay(failures), Duration::from_millis(millis), "{failures} failures");
        }
    }

    async fn fail(throttle: &Throttle, key: &str) {
        drop(throttle.turn(key).await.expect("nobody else waits"));
    }

    #[tokio::test]
    async fn failures_slow_the_next_try_and_success_clears_them() {
        let throttle = Throttle::new(1);
        let start = Instant::now();
        for _ in 0..4 {
            fail(&throttle, "ada@example.org").await;
        }
        assert!(start.elapsed() >= Duration::from_millis(100 + 200 + 400), "{:?}", start.elapsed());
        throttle.turn("ada@example.org").await.expect("nobody else waits").forgive();
        let cleared = throttle.turn("ada@example.org").await.expect("nobody else waits");
        assert_eq!(cleared.record.history().failures, 0, "the first try again");
    }

    #[tokio::test]
    async fn parallel_tries_are_slowed_as_much_as_serial_ones() {
        // As many cores as tries, more, and fewer.
        for at_once in [1, 2, 3, 4, 64] {
            let throttle = Throttle::new(at_once);
            let start = Instant::now();
            join_all((0..4).map(|_| fail(&throttle, "ada@example.org"))).await;
            fail(&throttle, "ada@example.org").await;
            assert!(
                start.elapsed() >= Duration::from_millis(100 + 200 + 400 + 500),
                "{at_once}: {:?}",
                start.elapsed()
            );
        }
    }

    #[tokio::test]
    async fn without_a_failure_as_many_tries_go_at_once_as_there_are_cores_and_after_one_they_go_alone() {
        let throttle = Throttle::new(3);
        let turn = async || throttle.turn("ada@example.org").await.expect("no crowd");
        let mut turns = [turn().await, turn().await, turn().await].into_iter();
        let mut waiting = [Box::pin(turn()), Box::pin(turn())];
        for turn in &mut waiting {
            assert!(futures::poll!(turn).is_pending(), "every core is taken");
        }
        // One fails, two are still under way: nobody else starts, not even after the wait.
        drop(turns.next());
        tokio::time::sleep(2 * FIRST_DELAY).await;
        for turn in &mut waiting {
            assert!(futures::poll!(turn).is_pending(), "not alone");
        }
        drop(turns);
        let [first, mut second] = waiting;
        let alone = first.await;
        assert!(futures::poll!(&mut second).is_pending(), "one at a time");
        // The right password: all at once again.
        alone.forgive();
        let _at_once = (second.await, turn().await, turn().await);
    }

    #[tokio::test]
    async fn one_address_does_not_slow_another() {
        let throttle = Throttle::new(1);
        let _busy = throttle.turn("ada@example.org").await.expect("nobody else waits");
        let mut waiting = Box::pin(throttle.turn("ada@example.org"));
        assert!(futures::poll!(&mut waiting).is_pending());
        fail(&throttle, "grace@example.org").await;
    }

    #[tokio::test]
    async fn forgotten_addresses_leave_memory_and_remembered_ones_stay() {
        let throttle = Throttle::new(1);
        for n in 0..SMALL {
            fail(&throttle, &format!("{n}@example.org")).await;
        }
        throttle.turn("good@example.org").await.expect("nobody else waits").forgive();
        let held = throttle.turn("held@example.org").await.expect("nobody else waits");
        let now = Instant::now();
        let mut addresses = throttle.addresses.lock().expect("not poisoned");
        let sweep = |addresses: &mut Addresses, now| {
            addresses.sweep_above = 0;
            addresses.sweep(now);
        };
        sweep(&mut addresses, now);
        assert_eq!(addresses.records.len(), SMALL + 1, "only the one without failures is gone");
        sweep(&mut addresses, now + FIRST_DELAY + FORGOTTEN_AFTER);
        assert_eq!(addresses.records.keys().collect::<Vec<_>>(), ["held@example.org"], "somebody has its turn");
        drop(held);
    }

    #[tokio::test]
    async fn a_crowd_on_one_address_is_sent_away_and_who_leaves_makes_room() {
        let throttle = Throttle::new(1);
        let holder = throttle.turn("ada@example.org").await.expect("the first");
        let mut waiting: Vec<_> = (1..WAITING).map(|_| Box::pin(throttle.turn("ada@example.org"))).collect();
        for turn in &mut waiting {
            assert!(futures::poll!(turn).is_pending(), "the holder has the turn");
        }
        assert_eq!(throttle.turn("ada@example.org").await.err(), Some(Crowded));
        drop(waiting);
        holder.forgive();
        assert!(throttle.turn("ada@example.org").await.is_ok(), "who left makes room");
    }
}
