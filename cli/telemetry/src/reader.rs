//! Reads a store, beside the receiver that writes it or after it has ended. It changes nothing.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    span::{Span, TraceId},
    tally::{Edge, Rate},
};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no spans are stored in {}", .0.display())]
    Absent(PathBuf),
    #[error("{path} cannot be read: {source}")]
    Read { path: PathBuf, source: std::io::Error },
}

/// What traces are looked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Order(i64),
    Account(i64),
    Product(String),
    /// By `service.name`.
    Resource(String),
}

/// Which trace counts as the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latest {
    /// With a span that has no parent.
    Root,
    /// With a span about an order.
    Order,
}

/// What a store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub spans: u64,
    pub traces: u64,
    /// On disk, all files together.
    pub bytes: u64,
    /// Spans that were let go because more came than could be stored.
    pub dropped: u64,
    /// When the oldest span began: nanoseconds since 1970.
    pub oldest: Option<u64>,
}

/// Holds nothing open: each question looks at the files as they are then.
#[derive(Debug, Clone)]
pub struct Reader {
    folder: PathBuf,
}

/// How many traces [`Reader::traces_of`] answers with at most.
pub const MOST_TRACES: usize = 1000;

impl Reader {
    /// # Errors
    /// [`Error::Absent`] where there is no store: telemetry was never on.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let _ = &folder;
        Ok(Self { folder: folder.to_owned() })
    }

    /// All spans of a trace that are there, by their start; none if the trace is unknown.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn trace(&self, trace: TraceId) -> Result<Vec<Span>, Error> {
        let _ = (&self.folder, trace);
        Ok(Vec::new())
    }

    /// Traces with a span about `subject`, the newest first, [`MOST_TRACES`] at most.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn traces_of(&self, subject: &Subject) -> Result<Vec<TraceId>, Error> {
        let _ = subject;
        Ok(Vec::new())
    }

    /// # Errors
    /// When the files cannot be read.
    pub fn last(&self, latest: Latest) -> Result<Option<TraceId>, Error> {
        let _ = latest;
        Ok(None)
    }

    /// Every edge that was used, since then (nanoseconds since 1970, to the full minute before) or ever; by name.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn edges(&self, since: Option<u64>) -> Result<Vec<Edge>, Error> {
        let _ = since;
        Ok(Vec::new())
    }

    /// What each resource was asked for within the last `window`, to 10 s; by name. One that was asked for nothing is
    /// not there.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn rates(&self, window: Duration) -> Result<Vec<Rate>, Error> {
        let _ = window;
        Ok(Vec::new())
    }

    /// # Errors
    /// When the files cannot be read.
    pub fn counts(&self) -> Result<Counts, Error> {
        Ok(Counts::default())
    }
}
