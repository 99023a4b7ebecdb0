//! Events that enter a database, each exactly once in effect.

mod lag;
mod lane;
mod lanes;
mod work;

use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kit::database::Pool;
use kit::{Shutdown, telemetry};
use rdkafka::Statistics;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::KafkaError;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::dead_letter::DeadLetters;
use crate::handler::Handler;
use crate::settings::{Error, Log, Settings};
use lag::Lags;
use lanes::{EndAll, Lanes};
use work::Work;

/// How often lanes that were full are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long handlers that are at work may take at the end.
const FINISH: Duration = Duration::from_secs(3);
/// How long the library may then take to commit and to leave its group: without a broker it waits for one.
const LEAVE: Duration = Duration::from_secs(2);

/// Reads topics as a member of a group and applies each event once, in the order of its partition.
///
/// Each partition has a lane of its own: one that waits for a dependency holds up no other. The consumer polls all the
/// time, so that the slowest handler never costs it its membership.
pub struct Consumer {
    inner: Arc<StreamConsumer<Context>>,
    work: Arc<Work>,
}

/// Ends the lanes of partitions that are taken away.
pub(crate) struct Context {
    lanes: Arc<Lanes>,
    joined: Arc<AtomicBool>,
    lags: Lags,
}

impl Consumer {
    /// # Errors
    /// The Kafka client can't be made. A broker that is away, or topics that do not exist yet, are no error.
    pub fn new(
        settings: &Settings,
        group: &str,
        topics: &[&str],
        pool: Pool,
        handler: impl Handler,
    ) -> Result<Self, Error> {
        let lags = Lags::default();
        let context = Context { lanes: Arc::new(Lanes::default()), joined: Arc::default(), lags: lags.clone() };
        let inner: StreamConsumer<Context> = settings.consumer(group).create_with_context(context)?;
        inner.subscribe(topics)?;
        let work = Work {
            pool,
            handler: Arc::new(handler),
            dead_letters: DeadLetters::new(settings, group)?,
            group: group.to_owned(),
        };
        telemetry::measure_lag(group, move || lags.get());
        Ok(Self { inner: Arc::new(inner), work: Arc::new(work) })
    }

    /// A check of whether this member has been given its part of the topics, once [`Consumer::run`] has been called. That
    /// it has stays true: an outage of the broker later on only delays events.
    pub fn joined(&self) -> impl Fn() -> Ready<Result<(), &'static str>> + Send + Sync + 'static {
        let joined = self.inner.context().joined.clone();
        move || ready(if joined.load(Ordering::Relaxed) { Ok(()) } else { Err("not in its consumer group yet") })
    }

    /// Consumes until the shutdown begins, then lets what is at work end, commits, and leaves the group.
    pub async fn run(self, shutdown: Shutdown) {
        let lanes = self.inner.context().lanes.clone();
        let _end = EndAll(lanes.clone());
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                record = self.inner.recv() => match record {
                    Ok(record) => lanes.push(record.detach(), &self.inner, &self.work),
                    Err(error) => {
                        tracing::debug!("can't consume for the moment: {error}");
                        sleep(LOOK).await;
                    }
                },
                _ = look.tick(), if lanes.any_paused() => lanes.resume(&self.inner),
                () = shutdown.begun() => break,
            }
        }
        lanes.finish(FINISH).await;
        self.close().await;
    }

    async fn close(self) {
        if timeout(LEAVE, tokio::task::spawn_blocking(move || drop(self.inner))).await.is_err() {
            tracing::warn!("the consumer did not leave its group within {} s", LEAVE.as_secs());
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Log.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Log.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.lags.learn(statistics);
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => tracing::debug!(partitions = partitions.count(), "got partitions"),
            Rebalance::Revoke(partitions) => {
                tracing::debug!(partitions = partitions.count(), "gave partitions away");
                for partition in partitions.elements() {
                    self.lanes.end(partition.topic(), partition.partition());
                }
            }
            Rebalance::Error(error) => tracing::warn!("rebalance: {error}"),
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(_) = rebalance {
            self.joined.store(true, Ordering::Relaxed);
        }
        // A partition may have been paused when it was given away, and a pause outlives that.
        if let Rebalance::Assign(partitions) = rebalance
            && let Err(error) = consumer.resume(partitions)
        {
            tracing::debug!("can't resume new partitions: {error}");
        }
    }
}
