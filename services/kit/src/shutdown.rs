//! An orderly end in two phases: first the service says that it is not ready, so that nobody sends it new work; a moment
//! later it takes no more and finishes what is under way, for a bounded time.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

/// How long a service that says it is not ready still takes new work: whoever probes it needs a moment to notice.
const NOT_READY: Duration = Duration::from_millis(200);

/// The same when nobody is connected, who would have to notice: only who is just about to connect.
const ALONE: Duration = Duration::from_millis(50);

/// How long work that is under way may take after that.
const DRAIN: Duration = Duration::from_secs(5);

/// When a process ends that still has not ended by itself: both phases, and a moment to close what was bounded by them.
pub(crate) const LIMIT: Duration = Duration::from_secs(7);

/// Tells everyone in a service that it is to end. Clones are handles of the same thing.
#[derive(Debug, Clone)]
pub struct Shutdown {
    phase: Arc<watch::Sender<Phase>>,
    guests: Arc<AtomicUsize>,
    not_ready: Duration,
    drain: Duration,
}

#[derive(Debug, Default)]
struct Phase {
    begun: Option<Instant>,
    /// Nobody was connected any more. That stays so for everyone, whoever connects then.
    alone: bool,
}

/// Somebody is connected, until this is dropped.
#[derive(Debug)]
pub(crate) struct Guest(Shutdown);

impl Deref for Guest {
    type Target = Shutdown;

    fn deref(&self) -> &Shutdown {
        &self.0
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if self.guests.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.look_around();
        }
    }
}

/// Work did not end within the bound.
#[derive(Debug, thiserror::Error)]
#[error("{0} was still busy at the end of the drain and was cut off")]
pub struct CutOff(&'static str);

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    pub fn new() -> Self {
        Self::with(NOT_READY, DRAIN)
    }

    pub(crate) fn with(not_ready: Duration, drain: Duration) -> Self {
        Self { phase: Arc::default(), guests: Arc::default(), not_ready, drain }
    }

    /// Begins the shutdown; calling it again changes nothing.
    pub fn begin(&self) {
        self.phase.send_if_modified(|phase| {
            let first = phase.begun.is_none();
            phase.begun.get_or_insert_with(Instant::now);
            first
        });
    }

    /// Counts somebody who is connected.
    pub(crate) fn guest(&self) -> Guest {
        self.guests.fetch_add(1, Ordering::SeqCst);
        Guest(self.clone())
    }

    pub fn is_begun(&self) -> bool {
        self.phase.borrow().begun.is_some()
    }

    /// Waits for the first phase: from now on say that you are not ready, but still serve.
    pub async fn begun(&self) {
        self.since().await;
    }

    /// Waits for the second phase: from now on take nothing new and finish what is under way. It comes early when nobody
    /// is connected, as in a whole system that stops dependents first.
    pub async fn draining(&self) {
        let begun = self.since().await;
        sleep_until(begun + ALONE.min(self.not_ready)).await;
        self.look_around();
        let mut phase = self.phase.subscribe();
        tokio::select! {
            () = sleep_until(begun + self.not_ready) => {}
            // `self` holds the sender: it can't be gone.
            _ = phase.wait_for(|phase| phase.alone) => {}
        }
    }

    /// Runs `work` to its end, but no longer than the drain lasts once the shutdown has begun.
    pub async fn bound<T>(&self, name: &'static str, work: impl Future<Output = T>) -> Result<T, CutOff> {
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => Ok(done),
            begun = self.since() => timeout_at(begun + self.not_ready + self.drain, work).await.map_err(|_| CutOff(name)),
        }
    }

    /// Whether the second phase may begin because nobody is connected.
    fn look_around(&self) {
        self.phase.send_if_modified(|phase| {
            let due = phase.begun.is_some_and(|begun| begun.elapsed() >= ALONE);
            let alone = !phase.alone && due && self.guests.load(Ordering::SeqCst) == 0;
            phase.alone |= alone;
            alone
        });
    }

    async fn since(&self) -> Instant {
        let mut phase = self.phase.subscribe();
        loop {
            if let Some(begun) = phase.borrow_and_update().begun {
                return begun;
            }
            if phase.changed().await.is_err() {
                // Cannot be: `self` holds the sender. Never beginning is the honest answer all the same.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn draining_comes_after_a_moment_of_not_being_ready() {
        let shutdown = Shutdown::with(MOMENT, MOMENT);
        assert!(!shutdown.is_begun());
        let begun = Instant::now();
        shutdown.begin();
        shutdown.begin();
        shutdown.begun().await;
        assert!(shutdown.is_begun());
        shutdown.clone().draining().await;
        assert!(begun.elapsed() >= MOMENT);
    }

    #[tokio::test]
    async fn the_moment_is_for_those_who_are_connected() {
        let long = Duration::from_secs(3600);
        let shutdown = Shutdown::with(long, long);
        let (first, second) = (shutdown.guest(), shutdown.guest());
        shutdown.begin();
        let draining = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.draining().await }
        });
        drop(first);
        assert!(tokio::time::timeout(2 * ALONE, shutdown.draining()).await.is_err(), "one is still there");
        drop(second);
        let _late = shutdown.guest();
        draining.await.expect("no panic");
        shutdown.draining().await;
    }

    #[tokio::test]
    async fn work_that_never_ends_is_cut_off_only_after_the_shutdown_began() {
        let shutdown = Shutdown::with(MOMENT, MOMENT);
        let forever = async || shutdown.bound("a stream", std::future::pending::<()>()).await;
        assert!(tokio::time::timeout(4 * MOMENT, forever()).await.is_err(), "nothing was begun");
        let begun = Instant::now();
        shutdown.begin();
        let error = forever().await.expect_err("cut off");
        assert_eq!(error.to_string(), "a stream was still busy at the end of the drain and was cut off");
        assert!(begun.elapsed() >= 2 * MOMENT);
    }

    #[tokio::test]
    async fn work_that_ends_is_returned() {
        assert_eq!(Shutdown::new().bound("sum", async { 1 + 1 }).await.expect("done"), 2);
    }
}
