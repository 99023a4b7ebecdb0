use std::sync::Arc;
use std::time::Duration;

use kit::telemetry::{backlog, chain};
use kit::{Shutdown, crash};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use crate::backoff;
use crate::outbox::{Outbox, PgOutbox};
use crate::pace::Pace;
use crate::producer::Producer;
use crate::settings::{Error, Settings};

/// How long events of another replica may wait; those of this process wake the relay.
const POLL: Duration = Duration::from_millis(100);
/// Events that are published together.
const BATCH: usize = 256;
/// From when on it is worth a line that the broker does not answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the relay goes on after the drain has begun.
const FLUSH: Duration = Duration::from_secs(2);

/// Publishes what is in an outbox, in order for each key, and takes it out once the broker has it. A broker or a database
/// that is away delays that, for as long as it takes, and loses nothing.
pub struct Relay<O = PgOutbox> {
    producer: Producer,
    outbox: O,
    wake: Arc<Notify>,
    pace: Pace,
}

/// Tells the relay of this process that something was committed.
#[derive(Debug, Clone)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Call it after the commit; never blocks.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

impl<O: Outbox> Relay<O> {
    /// # Errors
    /// The Kafka client can't be made. A broker that is away is no error.
    pub fn new(settings: &Settings, outbox: O) -> Result<(Self, Wake), Error> {
        let wake = Arc::new(Notify::new());
        let relay = Self { producer: Producer::new(settings)?, outbox, wake: wake.clone(), pace: Pace::default() };
        Ok((relay, Wake(wake)))
    }

    /// Publishes until the shutdown drains, then what is left, for two seconds at most. What stays is published by the
    /// next start or by another replica.
    pub async fn run(mut self, shutdown: Shutdown) {
        let late = async {
            shutdown.draining().await;
            sleep(FLUSH).await;
        };
        tokio::select! {
            () = self.publish_until(&shutdown) => {}
            () = late => tracing::warn!("events stay in the outbox: they could not be published in time"),
        }
    }

    /// Returns when the shutdown drains and nothing is left to publish.
    async fn publish_until(&mut self, shutdown: &Shutdown) {
        let mut failures: u32 = 0;
        let mut last = false;
        loop {
            let pause = match self.publish_all(last).await {
                Ok(()) if last => return,
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!("events are published again");
                    }
                    failures = 0;
                    POLL
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(failures, "events wait in the outbox: {}", chain(error.as_ref()));
                    backoff::after(failures)
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                // A commit is no reason to be impatient with a broker that is away.
                () = self.wake.notified(), if failures == 0 => {}
                () = shutdown.draining(), if !last => last = true,
            }
            if let Some(patience) = self.pace.patience(Instant::now()).filter(|_| !last) {
                tokio::select! {
                    () = sleep(patience) => {}
                    () = shutdown.draining() => last = true,
                }
            }
        }
    }

    /// Publishes what waits. Whoever commits meanwhile wakes the relay once more: only the last time there is nobody to do
    /// so, and it looks until there is nothing.
    async fn publish_all(&mut self, last: bool) -> anyhow::Result<()> {
        loop {
            if !self.outbox.exclusive().await? {
                return Ok(());
            }
            let (marks, events): (Vec<_>, Vec<_>) = self.outbox.pending(BATCH).await?.into_iter().unzip();
            backlog(events.len());
            self.pace.took(events.len(), Instant::now());
            if events.is_empty() {
                return Ok(());
            }
            crash::point("relay-before-publish");
            let (published, result) =
                impatiently(events.len(), self.producer.publish(&events.iter().collect::<Vec<_>>())).await;
            crash::point("relay-before-mark");
            let mut marks: Vec<_> = marks.into_iter().map(Some).collect();
            let published: Vec<_> = published.into_iter().filter_map(|at| marks[at].take()).collect();
            if !published.is_empty() {
                tracing::debug!(events = published.len(), "published");
                self.outbox.published(published).await?;
                crash::point("relay-after-mark");
            }
            result?;
            if events.len() < BATCH && !last {
                return Ok(());
            }
        }
    }
}

/// Says so when the broker takes long: the client library itself tries for a minute before it gives up.
async fn impatiently<T>(events: usize, publishing: impl Future<Output = T>) -> T {
    tokio::pin!(publishing);
    if let Ok(done) = timeout(PATIENCE, &mut publishing).await {
        return done;
    }
    tracing::warn!(events, "events wait in the outbox: the broker does not answer");
    let done = publishing.await;
    tracing::info!("the broker has answered");
    done
}
