//! Slows guessing: tries for one address go one after the other, each failure makes the next wait longer, up to half a second.
//!
//! Nobody is locked out: the right password gets its turn too, and clears the record. An address counts whether it has an
//! account or not, so that the wait tells nothing. Kept in memory: a restart forgets, and each replica counts for itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
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

/// How long after the last of `failures` in a row the next try may start.
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

#[derive(Default)]
pub(crate) struct Throttle {
    addresses: Mutex<Addresses>,
}

#[derive(Default)]
struct Addresses {
    records: HashMap<String, Arc<tokio::sync::Mutex<Record>>>,
    /// Forgotten records are swept when there are more than this: so the cost is spread, and memory is bounded by what
    /// can fail within [`FORGOTTEN_AFTER`].
    sweep_above: usize,
}

#[derive(Default)]
struct Record {
    failures: u32,
    last: Option<Instant>,
}

impl Record {
    fn is_forgotten(&self, now: Instant) -> bool {
        self.failures == 0 || self.last.is_none_or(|last| now.saturating_duration_since(last) >= FORGOTTEN_AFTER)
    }
}

/// The right to one try. Counts as a failure from the start, so that hanging up before the answer gains nothing.
pub(crate) struct Turn(OwnedMutexGuard<Record>);

impl Turn {
    /// The try succeeded, or was no fault of the caller's: the address starts afresh.
    pub(crate) fn forgive(mut self) {
        *self.0 = Record::default();
    }
}

impl Throttle {
    /// Waits for this address's turn. `key` is the normalised address.
    pub(crate) async fn turn(&self, key: &str) -> Result<Turn, Crowded> {
        let record = self.record(key)?;
        let mut record = record.lock_owned().await;
        if record.is_forgotten(Instant::now()) {
            *record = Record::default();
        }
        if let Some(last) = record.last {
            tokio::time::sleep_until(last + delay(record.failures)).await;
        }
        record.failures = record.failures.saturating_add(1);
        record.last = Some(Instant::now());
        Ok(Turn(record))
    }

    fn record(&self, key: &str) -> Result<Arc<tokio::sync::Mutex<Record>>, Crowded> {
        // Nothing below can panic half-way, so a poisoned lock still guards whole data.
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.sweep(Instant::now());
        let record = addresses.records.entry(key.to_owned()).or_default();
        // The map holds one; each waiting try another.
        if Arc::strong_count(record) > WAITING {
            return Err(Crowded);
        }
        Ok(Arc::clone(record))
    }
}

impl Addresses {
    fn sweep(&mut self, now: Instant) {
        if self.records.len() <= self.sweep_above.max(SMALL) {
            return;
        }
        // References are handed out under the lock we hold: one that only the map has, nobody waits for.
        self.records.retain(|_, record| {
            Arc::strong_count(record) > 1 || record.try_lock().is_ok_and(|record| !record.is_forgotten(now))
        });
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
        let throttle = Throttle::default();
        let start = Instant::now();
        for _ in 0..4 {
            fail(&throttle, "ada@example.org").await;
        }
        assert!(start.elapsed() >= Duration::from_millis(100 + 200 + 400), "{:?}", start.elapsed());
        throttle.turn("ada@example.org").await.expect("nobody else waits").forgive();
        let cleared = throttle.turn("ada@example.org").await.expect("nobody else waits");
        assert_eq!(cleared.0.failures, 1, "the first failure again");
    }

    #[tokio::test]
    async fn parallel_tries_are_slowed_as_much_as_serial_ones() {
        let throttle = Throttle::default();
        let start = Instant::now();
        join_all((0..4).map(|_| fail(&throttle, "ada@example.org"))).await;
        assert!(start.elapsed() >= Duration::from_millis(100 + 200 + 400), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn one_address_does_not_slow_another() {
        let throttle = Throttle::default();
        let _busy = throttle.turn("ada@example.org").await.expect("nobody else waits");
        let mut waiting = Box::pin(throttle.turn("ada@example.org"));
        assert!(futures::poll!(&mut waiting).is_pending());
        fail(&throttle, "grace@example.org").await;
    }

    #[tokio::test]
    async fn forgotten_addresses_leave_memory_and_remembered_ones_stay() {
        let throttle = Throttle::default();
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
        sweep(&mut addresses, now + FORGOTTEN_AFTER);
        assert_eq!(addresses.records.keys().collect::<Vec<_>>(), ["held@example.org"], "somebody has its turn");
        drop(held);
    }

    #[tokio::test]
    async fn a_crowd_on_one_address_is_sent_away_and_who_leaves_makes_room() {
        let throttle = Throttle::default();
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
