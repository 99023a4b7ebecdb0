//! A partition's log: segments, the offset it starts at, and what it remembers of its producers.

pub(crate) mod batch;
mod partition;
mod producers;
mod records;
mod scan;
mod segment;
mod start;
mod stored;
#[cfg(test)]
mod tests;
mod unpacked;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use kafka_protocol::ResponseError;

pub(crate) use batch::Batch;
pub(crate) use partition::Partition;
use producers::{Producers, Verdict};
use segment::Segment;
pub(crate) use stored::folders;
pub use stored::{Record, Records};

use crate::clock;
use crate::settings::Settings;

/// How long an idempotent producer that is silent is remembered, in milliseconds (as in Apache Kafka).
const PRODUCER_EXPIRES: i64 = 24 * 60 * 60 * 1000;

#[derive(Debug)]
pub(crate) struct Log {
    dir: PathBuf,
    /// Ordered by offset, never empty; the last one is written to.
    segments: VecDeque<Segment>,
    start: i64,
    producers: Producers,
    /// When the last segment was begun, in milliseconds.
    rolled: i64,
    fsync: bool,
    closed: bool,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) struct Appended {
    pub(crate) base_offset: i64,
    pub(crate) log_start: i64,
    /// The file to wait for, where every batch is to be on the disk before it is acknowledged.
    pub(crate) unsynced: Option<File>,
}

impl Log {
    /// Opens the log in `dir`, and begins one where there is none.
    pub(crate) fn open(dir: &Path, fsync: bool) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let now = clock::now();
        let mut producers = Producers::default();
        let mut segments = VecDeque::<Segment>::new();
        for base in bases(dir)? {
            if segments.back().is_some_and(|last| last.next_offset != base) {
                // Records are missing before it, so it cannot be served; whoever wants to may look at it.
                let path = segment::path(dir, base);
                tracing::error!(file = %path.display(), "put aside: what came before it is damaged");
                fs::rename(&path, path.with_extension("log.aside"))?;
                continue;
            }
            let (segment, torn) = Segment::recover(dir, base, |batch| producers.note(batch, now))?;
            if torn > 0 {
                tracing::warn!(dir = %dir.display(), segment = base, bytes = torn, "cut a torn tail");
            }
            segments.push_back(segment);
        }
        let start = start::read(dir)?.unwrap_or(0);
        let start = segments.front().map_or(start, |first| start.max(first.base));
        if segments.back().is_none_or(|last| last.next_offset < start) {
            for segment in segments.drain(..) {
                segment.remove()?;
            }
            segments.push_back(Segment::create(dir, start)?);
        }
        Ok(Self { dir: dir.to_owned(), segments, start, producers, rolled: now, fsync, closed: false })
    }

    /// Refuses to be written to or read from now on.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// The first offset that can be read.
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    /// The offset that the next record gets.
    pub(crate) fn end(&self) -> i64 {
        self.segments.back().map_or(self.start, |segment| segment.next_offset)
    }

    /// Appends what [`Batch::accept`] let through.
    pub(crate) fn append(
        &mut self,
        mut batch: Batch,
        bytes: &Bytes,
        settings: &Settings,
    ) -> Result<Appended, ResponseError> {
        if self.closed {
            return Err(ResponseError::UnknownTopicOrPartition);
        }
        if let Verdict::Duplicate(base_offset) = self.producers.judge(&batch)? {
            return Ok(Appended { base_offset, log_start: self.start, unsynced: self.unsynced()? });
        }
        let base_offset = self.end();
        batch.base_offset = base_offset;
        let mut written = Vec::with_capacity(bytes.len());
        written.extend_from_slice(&base_offset.to_be_bytes());
        written.extend_from_slice(&bytes[8..12]);
        // The leader's epoch, which the broker sets and the checksum does not cover: always the first here.
        written.extend_from_slice(&0_i32.to_be_bytes());
        written.extend_from_slice(&bytes[16..]);
        let now = clock::now();
        self.roll_if_due(written.len() as u64, now, settings).map_err(|error| self.failed(&error))?;
        let Some(last) = self.segments.back_mut() else { return Err(ResponseError::KafkaStorageError) };
        last.append(&batch, &written).map_err(|error| self.failed(&error))?;
        self.producers.note(&batch, now);
        Ok(Appended { base_offset, log_start: self.start, unsynced: self.unsynced()? })
    }

    fn failed(&self, error: &io::Error) -> ResponseError {
        tracing::error!(dir = %self.dir.display(), %error, "cannot write");
        ResponseError::KafkaStorageError
    }

    fn unsynced(&self) -> Result<Option<File>, ResponseError> {
        let last = self.segments.back().filter(|_| self.fsync);
        last.map(Segment::handle).transpose().map_err(|error| self.failed(&error))
    }

    fn roll_if_due(&mut self, incoming: u64, now: i64, settings: &Settings) -> io::Result<()> {
        let due = self.segments.back().is_some_and(|last| {
            last.size > 0 && (last.size + incoming > settings.segment_bytes || now - self.rolled >= settings.segment_ms)
        });
        if due { self.roll(now) } else { Ok(()) }
    }

    fn roll(&mut self, now: i64) -> io::Result<()> {
        if let Some(last) = self.segments.back().filter(|_| self.fsync) {
            last.handle()?.sync_data()?;
        }
        self.segments.push_back(Segment::create(&self.dir, self.end())?);
        self.rolled = now;
        if self.fsync {
            File::open(&self.dir)?.sync_all()?;
        }
        Ok(())
    }

    /// Whole batches from `offset` on, up to `max` bytes; see [`Segment::read`]. Empty at the end.
    pub(crate) fn read(&self, offset: i64, max: usize, at_least_one: bool) -> Result<Bytes, ResponseError> {
        if self.closed {
            return Err(ResponseError::UnknownTopicOrPartition);
        }
        if offset < self.start || offset > self.end() {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let after = self.segments.partition_point(|segment| segment.base <= offset);
        let mut candidates = self.segments.iter().skip(after.saturating_sub(1));
        let Some(segment) = candidates.find(|segment| segment.next_offset > offset) else { return Ok(Bytes::new()) };
        segment.read(offset, max, at_least_one).map_err(|error| {
            tracing::error!(dir = %self.dir.display(), %error, "cannot read");
            ResponseError::KafkaStorageError
        })
    }

    /// The first record that is not older than `timestamp` (milliseconds): its offset and timestamp.
    pub(crate) fn first_since(&self, timestamp: i64) -> io::Result<Option<(i64, i64)>> {
        for segment in &self.segments {
            if let Some(found) = segment.first_since(timestamp, self.start)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The newest record: its offset and timestamp.
    pub(crate) fn newest(&self) -> io::Result<Option<(i64, i64)>> {
        let newest = self.segments.iter().map(|segment| segment.max_timestamp).max();
        newest.filter(|newest| *newest > i64::MIN).map_or(Ok(None), |newest| self.first_since(newest))
    }

    /// Makes `offset` the first one that can be read (−1: the end). It stays so after a restart.
    pub(crate) fn delete_before(&mut self, offset: i64) -> Result<i64, ResponseError> {
        let offset = if offset == -1 { self.end() } else { offset };
        if offset < 0 || offset > self.end() {
            return Err(ResponseError::OffsetOutOfRange);
        }
        if offset > self.start {
            start::write(&self.dir, offset).map_err(|error| self.failed(&error))?;
            self.start = offset;
            self.remove_segments(|segment, start| Ok(segment.next_offset <= start))
                .map_err(|error| self.failed(&error))?;
        }
        Ok(self.start)
    }

    /// Deletes segments that are too old, or too many in bytes.
    pub(crate) fn retain(&mut self, settings: &Settings, now: i64) -> io::Result<()> {
        self.producers.forget_before(now - PRODUCER_EXPIRES);
        if let Some(retention) = settings.retention_ms {
            let oldest = now.saturating_sub(retention);
            let expired = |segment: &Segment| Ok(segment.size > 0 && segment.newest()? < oldest);
            if self.segments.len() == 1 && self.segments.back().map_or(Ok(false), expired)? {
                self.roll(now)?;
            }
            self.remove_segments(|segment, _| expired(segment))?;
        }
        if let Some(limit) = settings.retention_bytes {
            let mut total = self.segments.iter().map(|segment| segment.size).sum::<u64>();
            self.remove_segments(|segment, _| {
                let surplus = total.saturating_sub(segment.size) >= limit;
                total -= if surplus { segment.size } else { 0 };
                Ok(surplus)
            })?;
        }
        Ok(())
    }

    /// Removes segments from the front while they are unwanted; the one that is written to stays.
    fn remove_segments(&mut self, mut unwanted: impl FnMut(&Segment, i64) -> io::Result<bool>) -> io::Result<()> {
        while self.segments.len() > 1
            && let Some(first) = self.segments.front()
            && unwanted(first, self.start)?
            && let Some(first) = self.segments.pop_front()
        {
            self.start = self.start.max(first.next_offset);
            first.remove()?;
        }
        Ok(())
    }
}

/// The offsets that the segments in `dir` begin with, in order.
fn bases(dir: &Path) -> io::Result<Vec<i64>> {
    let mut bases = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let base = name.to_str().and_then(|name| name.strip_suffix(".log"));
        bases.extend(base.and_then(|base| base.parse::<i64>().ok()));
    }
    bases.sort_unstable();
    Ok(bases)
}
