//! Reads a store, beside the receiver that writes it or after it has ended. It changes nothing.

use std::{
    collections::{BTreeMap, HashSet},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use prost::Message as _;
use serde::{Deserialize, Serialize};

pub use crate::subject::Subject;
use crate::{
    counting::{Cell, EDGE_PERIOD, RATE_PERIOD, What},
    otlp,
    span::{Span, TraceId},
    store::{self, ROOT, Stored, View, is_damage, kind_of},
    tally::{Edge, Hop, Rate},
};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no spans are stored in {}", .0.display())]
    Absent(PathBuf),
    #[error("{path} cannot be read: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} cannot be read: {source}")]
    Sql { path: PathBuf, source: rusqlite::Error },
}

impl Error {
    /// What the user may do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Absent(_) => Some("telemetry is on unless `shopctl up` was told --no-telemetry"),
            Self::Io { .. } | Self::Sql { .. } => None,
        }
    }
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
    /// One that came while a segment was followed by another may count twice.
    pub traces: u64,
    /// On disk, all files together.
    pub bytes: u64,
    /// Spans that were let go because more came than could be stored.
    pub dropped: u64,
    /// When the oldest span began: nanoseconds since 1970.
    pub oldest: Option<u64>,
}

/// Holds nothing open: each question looks at the files as they are then. What is damaged is passed over.
#[derive(Debug, Clone)]
pub struct Reader {
    folder: PathBuf,
}

/// How many traces [`Reader::traces_of`] answers with at most.
pub const MOST_TRACES: usize = 1000;
/// How many marks are looked at for them: each resource in a trace has left one.
const MOST_MARKS: usize = 10 * MOST_TRACES;

impl Reader {
    /// # Errors
    /// [`Error::Absent`] where there is no store: telemetry was never on.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let reader = Self { folder: folder.to_owned() };
        reader.segments().map(|_| reader)
    }

    /// All spans of a trace that are there, by their start; none if the trace is unknown.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn trace(&self, trace: TraceId) -> Result<Vec<Span>, Error> {
        let chunks = self.ask(|view| view.chunks(trace.0))?;
        let mut spans: Vec<Span> = chunks.into_iter().flatten().flat_map(|stored| unpack(trace, &stored)).collect();
        spans.sort_by_key(|span| span.start);
        Ok(spans)
    }

    /// Traces with a span about `subject`, the newest first, [`MOST_TRACES`] at most.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn traces_of(&self, subject: &Subject) -> Result<Vec<TraceId>, Error> {
        let mut found: Vec<_> = self.ask(|view| view.traces_of(subject, MOST_MARKS))?.into_iter().flatten().collect();
        found.sort_unstable_by(|one, other| other.cmp(one));
        let mut seen = HashSet::new();
        let traces = found.into_iter().map(|(_, trace)| TraceId(trace)).filter(|&trace| seen.insert(trace));
        Ok(traces.take(MOST_TRACES).collect())
    }

    /// # Errors
    /// When the files cannot be read.
    pub fn last(&self, latest: Latest) -> Result<Option<TraceId>, Error> {
        let kind = match latest {
            Latest::Root => ROOT,
            Latest::Order => kind_of(&Subject::Order(0)),
        };
        let newest = self.ask(|view| view.last(kind))?.into_iter().flatten().max();
        Ok(newest.map(|(_, trace)| TraceId(trace)))
    }

    /// Every edge that was used, since then (nanoseconds since 1970, to the full minute before) or ever; by name.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn edges(&self, since: Option<u64>) -> Result<Vec<Edge>, Error> {
        let seconds = since.unwrap_or_default() / 1_000_000_000;
        let tallies = self.ask(|view| view.tallies(false, seconds - seconds % EDGE_PERIOD))?;
        let mut edges: BTreeMap<(String, String, Hop), Cell> = BTreeMap::new();
        for (key, cell) in tallies.into_iter().flatten() {
            match key.what {
                What::Edge(hop) => {
                    edges.entry((key.from.to_string(), key.to.to_string(), hop)).or_default().merge(&cell)
                }
                What::Requests => {}
            }
        }
        let edge = |((from, to, hop), cell): (_, Cell)| {
            let Cell { count, errors, last, durations } = cell;
            Edge { from, to, hop, count, errors, last, durations: durations.quantiles() }
        };
        Ok(edges.into_iter().map(edge).collect())
    }

    /// What each resource was asked for within the last `window`, to 10 s; by name. One that was asked for nothing is
    /// not there.
    ///
    /// # Errors
    /// When the files cannot be read.
    #[expect(clippy::cast_precision_loss, reason = "a rate is no exact figure")]
    pub fn rates(&self, window: Duration) -> Result<Vec<Rate>, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = now.saturating_sub(window).as_secs();
        let tallies = self.ask(|view| view.tallies(true, since - since % RATE_PERIOD))?;
        let mut requests: BTreeMap<String, Cell> = BTreeMap::new();
        for (key, cell) in tallies.into_iter().flatten() {
            requests.entry(key.from.to_string()).or_default().merge(&cell);
        }
        let seconds = window.as_secs_f64().max(1.0);
        let rate = |(resource, cell): (_, Cell)| Rate {
            resource,
            requests: cell.count,
            errors: cell.errors,
            per_second: cell.count as f64 / seconds,
            durations: cell.durations.quantiles(),
        };
        Ok(requests.into_iter().map(rate).collect())
    }

    /// # Errors
    /// When the files cannot be read.
    pub fn counts(&self) -> Result<Counts, Error> {
        let bytes = store::bytes(&self.folder).map_err(|source| Error::Io { path: self.folder.clone(), source })?;
        let mut counts = Counts { bytes, ..Counts::default() };
        for total in self.ask(View::total)? {
            counts.spans += total.spans;
            counts.traces += total.traces;
            counts.dropped += total.dropped;
            counts.oldest = counts.oldest.into_iter().chain(total.oldest).min();
        }
        Ok(counts)
    }

    fn segments(&self) -> Result<Vec<PathBuf>, Error> {
        match store::segments(&self.folder) {
            Ok(segments) => Ok(segments.into_iter().map(|(_, path)| path).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Absent(self.folder.clone())),
            Err(source) => Err(Error::Io { path: self.folder.clone(), source }),
        }
    }

    /// What every segment answers.
    fn ask<T>(&self, question: impl Fn(&View) -> rusqlite::Result<T>) -> Result<Vec<T>, Error> {
        let mut answers = Vec::new();
        for path in self.segments()? {
            match View::open(&path).and_then(|view| view.as_ref().map(&question).transpose()) {
                Ok(answer) => answers.extend(answer),
                // It has been removed since, for its age or size.
                Err(_) if !path.exists() => {}
                Err(error) if is_damage(&error) => {}
                Err(source) => return Err(Error::Sql { path, source }),
            }
        }
        Ok(answers)
    }
}

/// None where it is damaged.
fn unpack(trace: TraceId, stored: &Stored) -> Vec<Span> {
    let data = zstd::bulk::decompress(&stored.data, stored.size).ok();
    let sent = data.and_then(|data| ResourceSpans::decode(data.as_slice()).ok());
    sent.map(|sent| otlp::spans(trace, &stored.resource, sent)).unwrap_or_default()
}
