//! One file of a partition: raw batches one after another, named after the offset of the first.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};

use super::batch::Batch;
use super::{records, scan};
use crate::clock;

/// An entry of the index for every so many bytes of the file.
const INDEX_EVERY: u64 = 16 * 1024;
/// How much is read at once when batches are looked for.
const STEP: usize = 32 * 1024;

#[derive(Debug)]
pub(crate) struct Segment {
    /// The offset in its name, that of its first record.
    pub(crate) base: i64,
    path: PathBuf,
    file: File,
    pub(crate) size: u64,
    pub(crate) next_offset: i64,
    /// In milliseconds; `i64::MIN` while empty.
    pub(crate) max_timestamp: i64,
    index: Vec<Mark>,
}

/// Where a batch begins, and the newest timestamp of all batches before it in the segment.
#[derive(Debug, Clone, Copy)]
struct Mark {
    offset: i64,
    position: u64,
    newest_before: i64,
}

pub(crate) fn path(dir: &Path, base: i64) -> PathBuf {
    dir.join(format!("{base:020}.log"))
}

impl Segment {
    pub(crate) fn create(dir: &Path, base: i64) -> io::Result<Self> {
        let path = path(dir, base);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        Ok(Self::empty(path, file, base))
    }

    fn empty(path: PathBuf, file: File, base: i64) -> Self {
        Self { base, path, file, size: 0, next_offset: base, max_timestamp: i64::MIN, index: Vec::new() }
    }

    /// Reads an existing file through, hands each batch to `each`, and cuts what is torn off its end.
    ///
    /// Returns the segment and the number of bytes that were cut.
    pub(crate) fn recover(dir: &Path, base: i64, mut each: impl FnMut(&Batch)) -> io::Result<(Self, u64)> {
        let path = path(dir, base);
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let length = file.metadata()?.len();
        let mut segment = Self::empty(path, file.try_clone()?, base);
        scan::batches(&file, length, |batch| {
            let fits = batch.base_offset == segment.next_offset;
            if fits {
                segment.note(batch);
                each(batch);
            }
            fits
        })?;
        let torn = length - segment.size;
        if torn > 0 {
            segment.file.set_len(segment.size)?;
        }
        Ok((segment, torn))
    }

    fn note(&mut self, batch: &Batch) {
        if self.index.last().is_none_or(|mark| self.size - mark.position >= INDEX_EVERY) {
            let mark = Mark { offset: batch.base_offset, position: self.size, newest_before: self.max_timestamp };
            self.index.push(mark);
        }
        self.size += batch.size as u64;
        self.next_offset = batch.next_offset();
        self.max_timestamp = self.max_timestamp.max(batch.max_timestamp);
    }

    /// Writes a batch at the end. After an error the file is as long as before.
    pub(crate) fn append(&mut self, batch: &Batch, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all_at(bytes, self.size) {
            self.file.set_len(self.size)?;
            return Err(error);
        }
        self.note(batch);
        Ok(())
    }

    /// Whole batches from the one that holds `offset` (or the next one after it), as many as fit into `max` bytes.
    /// With `at_least_one`, the first batch is given even where it alone is larger.
    pub(crate) fn read(&self, offset: i64, max: usize, at_least_one: bool) -> io::Result<Bytes> {
        let Some((position, first)) = self.find(offset, |batch| batch.next_offset() > offset)? else {
            return Ok(Bytes::new());
        };
        if first.size > max && !at_least_one {
            return Ok(Bytes::new());
        }
        let left = usize::try_from(self.size - position).unwrap_or(usize::MAX);
        let mut bytes = self.bytes(position, max.max(first.size).min(left))?;
        let mut end = 0;
        while let Some(batch) = Batch::parse(&bytes[end..])
            && end + batch.size <= bytes.len()
        {
            end += batch.size;
        }
        bytes.truncate(end);
        Ok(bytes)
    }

    /// The first record that is not older than `timestamp` (milliseconds), at `from` or after: offset and timestamp.
    pub(crate) fn first_since(&self, timestamp: i64, from: i64) -> io::Result<Option<(i64, i64)>> {
        if self.max_timestamp < timestamp {
            return Ok(None);
        }
        let marks = self.index.partition_point(|mark| mark.newest_before < timestamp);
        let mut position = marks.checked_sub(1).map_or(0, |mark| self.index[mark].position);
        while let Some((at, batch)) =
            self.walk(position, |batch| batch.max_timestamp >= timestamp && batch.next_offset() > from)?
        {
            let bytes = self.bytes(at, batch.size)?;
            if let Some(found) = records::first_since(&bytes, &batch, timestamp, from) {
                return Ok(Some(found));
            }
            position = at + batch.size as u64;
        }
        Ok(None)
    }

    fn find(&self, offset: i64, wanted: impl Fn(&Batch) -> bool) -> io::Result<Option<(u64, Batch)>> {
        let after = self.index.partition_point(|mark| mark.offset <= offset);
        self.walk(after.checked_sub(1).map_or(0, |mark| self.index[mark].position), wanted)
    }

    /// The first batch at `position` or after that is wanted, with its own position.
    fn walk(&self, mut position: u64, wanted: impl Fn(&Batch) -> bool) -> io::Result<Option<(u64, Batch)>> {
        while position < self.size {
            let left = usize::try_from(self.size - position).unwrap_or(usize::MAX);
            let chunk = self.bytes(position, left.min(STEP))?;
            let mut at = 0;
            while let Some(batch) = chunk.get(at..).and_then(Batch::parse) {
                if wanted(&batch) {
                    return Ok(Some((position + at as u64, batch)));
                }
                at += batch.size;
            }
            if at == 0 {
                return Err(io::Error::other(format!("no batch at byte {position} of {}", self.path.display())));
            }
            position += at as u64;
        }
        Ok(None)
    }

    fn bytes(&self, position: u64, count: usize) -> io::Result<Bytes> {
        let mut bytes = BytesMut::zeroed(count);
        self.file.read_exact_at(&mut bytes, position)?;
        Ok(bytes.freeze())
    }

    /// When its newest record was made, in milliseconds; where the producers did not say, when it was last written.
    pub(crate) fn newest(&self) -> io::Result<i64> {
        if self.max_timestamp >= 0 {
            return Ok(self.max_timestamp);
        }
        Ok(clock::millis(self.file.metadata()?.modified()?))
    }

    /// A second handle, so that the disk is waited for without holding the partition.
    pub(crate) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    pub(crate) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}
