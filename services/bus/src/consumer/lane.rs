use std::iter;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use kit::crash;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::{Message, OwnedMessage};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Context;
use super::work::Work;
use crate::pace::Pace;

/// Records that are applied in one transaction, at most, when that many wait.
const TOGETHER: usize = 64;

/// One partition's records, worked on one after the other by a task that ends with it.
pub(crate) struct Lane {
    records: mpsc::UnboundedSender<OwnedMessage>,
    waiting: Arc<AtomicUsize>,
    pub(crate) paused: bool,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Lane {
    /// Keeps no hold of the consumer: the last one to let go of it waits until it has left its group, which without a
    /// broker is for ever, and that must not happen to a lane that is aborted late.
    pub(crate) fn start(consumer: Weak<StreamConsumer<Context>>, work: Arc<Work>) -> Self {
        // Bounded by pausing the partition: a record that was delivered must be kept.
        let (records, mut queue) = mpsc::unbounded_channel::<OwnedMessage>();
        let waiting = Arc::new(AtomicUsize::new(0));
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (waiting, stop) = (waiting.clone(), stop.clone());
            async move {
                let mut records = Vec::with_capacity(TOGETHER);
                let mut pace = Pace::default();
                while let Some(1..) = stop.run_until_cancelled(queue.recv_many(&mut records, TOGETHER)).await {
                    if let Some(patience) = pace.patience(Instant::now()).filter(|_| records.len() < TOGETHER) {
                        if stop.run_until_cancelled(sleep(patience)).await.is_none() {
                            return;
                        }
                        let more = TOGETHER - records.len();
                        records.extend(iter::from_fn(|| queue.try_recv().ok()).take(more));
                    }
                    pace.took(records.len(), Instant::now());
                    let applied = records.len() > 1 && work.apply_together(&records).await;
                    for record in records.drain(..) {
                        if !applied && (stop.is_cancelled() || !work.apply(&record, &stop).await) {
                            return;
                        }
                        let Some(consumer) = consumer.upgrade() else { return };
                        // Refused if the partition was taken away meanwhile, and rightly so.
                        crash::point("consumer-before-store");
                        if let Err(error) = consumer.store_offset(record.topic(), record.partition(), record.offset()) {
                            tracing::debug!("the offset was not stored: {error}");
                        }
                        crash::point("consumer-after-store");
                        waiting.fetch_sub(1, Ordering::Relaxed);
                    }
                }
            }
        });
        Self { records, waiting, paused: false, stop, task }
    }

    pub(crate) fn push(&self, record: OwnedMessage) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if self.records.send(record).is_err() && !self.stop.is_cancelled() {
            // A mistake of ours, as the handler's panics are caught. The record stays uncommitted, and the lag shows it.
            tracing::error!("a lane ended before its time; its partition stands still until this process is restarted");
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Nothing new is begun.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn ended(&mut self) {
        if let Err(error) = (&mut self.task).await {
            tracing::error!("a lane failed: {error}");
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.task.abort();
    }
}
