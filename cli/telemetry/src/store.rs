//! The store: a folder of segments, each a small SQLite database of what came in its time.
//!
//! The oldest is removed whole when there is too much or it is too old. That costs next to nothing, gives the disk its
//! room back at once, and keeps every index small enough to stay in memory.

mod folder;
mod segment;
mod writer;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{chunk::Chunk, counting::Counter};

pub(crate) use folder::{bytes, segments};
pub(crate) use segment::{ROOT, Stored, View, is_damage, kind_of};
pub(crate) use writer::{Queue, Writer};

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// On disk, all files together.
    pub bytes: u64,
    /// Since it came in.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 256 << 20, age: Duration::from_secs(7 * 24 * 60 * 60) }
    }
}

impl Limits {
    /// A store that is smaller could not hold two segments of a useful size.
    pub const LEAST_BYTES: u64 = 4 << 20;

    /// Of one segment: there is always room for another one beside those that are full.
    fn segment(self) -> u64 {
        self.bytes / 8
    }

    /// How much is written at once, before its size is looked at.
    fn batch(self) -> u64 {
        self.segment() / 4
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path} cannot be used: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("another receiver writes to {}", .0.display())]
    Taken(PathBuf),
    #[error("{path} cannot be written: {source}")]
    Sql { path: PathBuf, source: rusqlite::Error },
}

/// What only its one writer has.
pub(crate) struct Store {
    folder: PathBuf,
    limits: Limits,
    current: segment::Segment,
    counter: Counter,
    /// As long as it is open, nobody else writes here.
    _lock: File,
}

impl Store {
    /// Opens what is in `folder`, which is made if it is not there. A segment that is damaged is removed: a power cut
    /// may have torn it.
    ///
    /// # Errors
    /// [`Error::Taken`], or when the folder cannot be used.
    pub(crate) fn open(folder: &Path, limits: Limits) -> Result<Self, Error> {
        let limits = Limits { bytes: limits.bytes.max(Limits::LEAST_BYTES), ..limits };
        let io = |source| Error::Io { path: folder.to_owned(), source };
        folder::create(folder).map_err(io)?;
        let lock = File::create(folder.join("lock")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(Error::Taken(folder.to_owned())),
            Err(fs::TryLockError::Error(source)) => return Err(io(source)),
        }
        folder::tidy(folder).map_err(io)?;
        let newest = segments(folder).map_err(io)?.pop();
        let reopened = newest.and_then(|(_, path)| match segment::Segment::open(&path, limits) {
            Ok(segment) => Some(segment),
            Err(Error::Sql { source, .. }) if is_damage(&source) => {
                tracing::warn!("{} is damaged ({source}): it is removed, and with it the spans in it", path.display());
                let _ = folder::remove(&path);
                None
            }
            Err(error) => {
                tracing::warn!("{error}: another one is begun");
                None
            }
        });
        let current = match reopened {
            Some(segment) => segment,
            None => begin_segment(folder, limits)?,
        };
        let mut store =
            Self { folder: folder.to_owned(), limits, current, counter: Counter::new(Instant::now()), _lock: lock };
        store.make_room()?;
        Ok(store)
    }

    /// Writes some chunks, all or none.
    ///
    /// # Errors
    /// When they cannot be written; the next ones may be again.
    pub(crate) fn write(&mut self, chunks: &mut [Chunk], dropped: u64) -> Result<(), Error> {
        for chunk in &mut *chunks {
            self.counter.add(chunk);
        }
        self.counter.turn(Instant::now());
        let tallies = self.counter.take();
        if let Err(source) = self.current.write(chunks, &tallies, dropped) {
            let damaged = is_damage(&source);
            let error = Error::Sql { path: self.current.path().to_owned(), source };
            if damaged {
                let _ = folder::remove(self.current.path());
                self.current = begin_segment(&self.folder, self.limits)?;
            }
            return Err(error);
        }
        self.make_room()
    }

    /// What is due without anything having come: calls that nobody answered, segments that are too old.
    pub(crate) fn tick(&mut self) -> Result<(), Error> {
        self.counter.turn(Instant::now());
        if self.counter.is_empty() { self.make_room() } else { self.write(&mut [], 0) }
    }

    /// Whether [`Store::tick`] is due soon.
    pub(crate) fn is_waiting(&self) -> bool {
        self.counter.waits()
    }

    /// On disk.
    pub(crate) fn bytes(&self) -> u64 {
        bytes(&self.folder).unwrap_or_default()
    }

    pub(crate) fn batch(&self) -> u64 {
        self.limits.batch()
    }

    /// Begins another segment where this one is full or old, and removes the oldest ones that are too much or too old.
    fn make_room(&mut self) -> Result<(), Error> {
        let now = now();
        let io = |source| Error::Io { path: self.folder.clone(), source };
        let age = |created: u64| Duration::from_millis(now.saturating_sub(created));
        let (path, created) = (self.current.path(), self.current.created());
        let full = folder::bytes_of(path) >= self.limits.segment();
        if full || age(created) > self.limits.age / 8 && !self.current.is_empty() {
            let next = begin_segment(&self.folder, self.limits)?;
            std::mem::replace(&mut self.current, next).seal();
        }
        let mut total = bytes(&self.folder).map_err(io)?;
        for (created, path) in segments(&self.folder).map_err(io)? {
            let crowded = total + self.limits.segment() > self.limits.bytes;
            if path == self.current.path() || !crowded && age(created) <= self.limits.age {
                break;
            }
            let size = folder::bytes_of(&path);
            folder::remove(&path).map_err(io)?;
            total = total.saturating_sub(size);
        }
        Ok(())
    }
}

fn begin_segment(folder: &Path, limits: Limits) -> Result<segment::Segment, Error> {
    let newest = segments(folder).ok().and_then(|mut all| all.pop()).map_or(0, |(created, _)| created);
    let path = folder::path(folder, now().max(newest + 1));
    segment::Segment::create(&path, limits)
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
