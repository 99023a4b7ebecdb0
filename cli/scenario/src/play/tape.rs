//! What is told while a story goes on, kept in the order in which it was heard.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use shopctl_kafka::{Event, Tail, tail::Start, topics};
use tokio::task::JoinHandle;

use super::guard;
use crate::{
    live::Live,
    report::{Expect as _, Failure},
};

/// A recording that goes on until it is dropped.
pub(super) struct Recording<T> {
    kept: Arc<Mutex<Vec<(SystemTime, T)>>>,
    task: JoinHandle<()>,
}

/// Of all topics.
pub(super) type Tape = Recording<Event>;
/// Of a subscription: statuses, and how it ended if it was not for want of anything to tell.
pub(super) type LiveTape = Recording<String>;

impl<T: Clone + Send + 'static> Recording<T> {
    pub(super) fn len(&self) -> usize {
        guard(&self.kept).len()
    }

    /// All from this place on.
    pub(super) fn since(&self, mark: usize) -> Vec<(SystemTime, T)> {
        guard(&self.kept).get(mark..).unwrap_or_default().to_vec()
    }
}

impl<T> Drop for Recording<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tape {
    pub(super) async fn open(brokers: &str) -> Result<Self, Failure> {
        let mut tail = Tail::open(brokers, &topics::ALL, Start::Latest).await.expect_that("the events can be read")?;
        let kept: Arc<Mutex<Vec<_>>> = Arc::default();
        let keep = Arc::clone(&kept);
        let task = tokio::spawn(async move {
            while let Ok(event) = tail.next().await {
                guard(&keep).push((SystemTime::now(), event));
            }
        });
        Ok(Self { kept, task })
    }

    /// The events of a topic with this key (or all), a redelivery left out.
    pub(super) fn events(&self, mark: usize, topic: &str, key: Option<&str>) -> Vec<(SystemTime, Event)> {
        let mut seen = BTreeSet::new();
        let mut found = self.since(mark);
        found.retain(|(_, event)| {
            let meant = event.topic == topic && key.is_none_or(|key| event.key.as_deref() == Some(key));
            meant && event.id.as_ref().is_none_or(|id| seen.insert(id.clone()))
        });
        found
    }
}

impl LiveTape {
    pub(super) fn of(mut live: Live) -> Self {
        let kept: Arc<Mutex<Vec<_>>> = Arc::default();
        let keep = Arc::clone(&kept);
        let task = tokio::spawn(async move {
            loop {
                match live.next().await {
                    Ok(status) => guard(&keep).push((SystemTime::now(), status)),
                    // It is over once nothing can follow.
                    Err(end) if end.observed.starts_with("complete") => return,
                    Err(end) => return guard(&keep).push((SystemTime::now(), format!("(ended: {})", end.observed))),
                }
            }
        });
        Self { kept, task }
    }
}
