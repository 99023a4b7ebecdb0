//! What the receiver counts about itself.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count that several threads add to.
#[derive(Debug, Default)]
pub(crate) struct Figure(AtomicU64);

impl Figure {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Spans on disk.
    pub(crate) stored: Figure,
    /// Spans let go because more came than could be stored.
    pub(crate) shed: Figure,
    /// Spans that could not be written.
    pub(crate) lost: Figure,
    /// Spans and points of metrics that were refused.
    pub(crate) refused: Figure,
    /// Spans that wait to be written.
    pub(crate) queued: Figure,
    /// Of the store, on disk.
    pub(crate) bytes: Figure,
    /// Messages that the other collector has.
    pub(crate) forwarded: Figure,
    /// Messages that it never got.
    pub(crate) not_forwarded: Figure,
}
