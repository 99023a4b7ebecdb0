//! A partition's log as it lies on the disk, for whoever looks at it while no broker does. Nothing is written, cut or put
//! aside: what a broker would cut is passed over.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::batch::{Batch, HEADER};
use super::{bases, records, segment, start, unpacked};

/// Bytes that are read at once.
const CHUNK: usize = 256 * 1024;

/// A record as its producer wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the partition.
    pub offset: i64,
    /// When it was made, as its producer says: milliseconds since 1970; negative if he does not.
    pub timestamp: i64,
    /// What it is about.
    pub key: Option<Vec<u8>>,
    /// What it says.
    pub value: Option<Vec<u8>>,
    /// In their order; a name may stand there more than once.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// The records of a partition, in the order of their offsets.
#[derive(Debug)]
pub struct Records {
    dir: PathBuf,
    /// Offsets that the segments begin with which are still to be read.
    segments: VecDeque<i64>,
    reading: Option<BufReader<File>>,
    start: i64,
    /// Offset that the next batch must have; none before the first.
    next: Option<i64>,
    waiting: VecDeque<Record>,
}

impl Records {
    pub(crate) fn open(dir: PathBuf) -> io::Result<Self> {
        let segments = VecDeque::from(bases(&dir)?);
        let start = start::read(&dir)?.unwrap_or(0).max(segments.front().copied().unwrap_or(0));
        Ok(Self { dir, segments, reading: None, start, next: None, waiting: VecDeque::new() })
    }

    /// The first offset that can be read.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The offset that the next record would get, as far as was read.
    pub fn end(&self) -> i64 {
        self.next.unwrap_or(self.start).max(self.start)
    }

    /// Reads on until records wait; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        while self.waiting.is_empty() {
            let Some(file) = &mut self.reading else {
                if !self.open_next()? {
                    return Ok(false);
                }
                continue;
            };
            match batch(file)? {
                Some((batch, bytes)) if self.next == Some(batch.base_offset) => {
                    self.next = Some(batch.next_offset());
                    self.unpack(&batch, &bytes)?;
                }
                // What follows in this file is torn.
                Some(_) | None => self.reading = None,
            }
        }
        Ok(true)
    }

    /// The next segment that goes on where the one before ended.
    fn open_next(&mut self) -> io::Result<bool> {
        while let Some(base) = self.segments.pop_front() {
            if self.next.is_some_and(|next| next != base) {
                continue;
            }
            match File::open(segment::path(&self.dir, base)) {
                Ok(file) => {
                    self.next = Some(base);
                    self.reading = Some(BufReader::with_capacity(CHUNK, file));
                    return Ok(true);
                }
                // A broker that came meanwhile has deleted it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    fn unpack(&mut self, batch: &Batch, bytes: &[u8]) -> io::Result<()> {
        let unreadable = || {
            let (offset, dir) = (batch.base_offset, self.dir.display());
            io::Error::other(format!("the batch at offset {offset} in {dir} cannot be unpacked"))
        };
        let body = unpacked::body(&bytes[HEADER..], batch.compression()).ok_or_else(unreadable)?;
        let mut rest = body.as_ref();
        while !rest.is_empty() {
            let content = records::content(&mut rest).ok_or_else(unreadable)?;
            let offset = batch.base_offset.saturating_add(content.place.offset_delta);
            if offset < self.start {
                continue;
            }
            let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
            let headers = content.headers.iter().map(|(key, value)| (name(key), value.map(<[u8]>::to_vec)));
            self.waiting.push_back(Record {
                offset,
                timestamp: batch.base_timestamp.saturating_add(content.place.timestamp_delta),
                key: content.key.map(<[u8]>::to_vec),
                value: content.value.map(<[u8]>::to_vec),
                headers: headers.collect(),
            });
        }
        Ok(())
    }
}

impl Iterator for Records {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.fill() {
            Ok(_) => self.waiting.pop_front().map(Ok),
            Err(error) => {
                // The rest of the partition is as unreadable.
                (self.reading, self.segments) = (None, VecDeque::new());
                Some(Err(error))
            }
        }
    }
}

/// The next intact batch; `None` where there is none.
fn batch(file: &mut impl Read) -> io::Result<Option<(Batch, Vec<u8>)>> {
    let mut bytes = vec![0; HEADER];
    if !whole(file, &mut bytes)? {
        return Ok(None);
    }
    let Some(batch) = Batch::parse(&bytes) else { return Ok(None) };
    // No more than there is: a torn header may claim gigabytes.
    let body = u64::try_from(batch.size - HEADER).unwrap_or(u64::MAX);
    file.take(body).read_to_end(&mut bytes)?;
    Ok(batch.is_intact(&bytes).then_some((batch, bytes)))
}

fn whole(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The folders of a topic's partitions, in the order of their numbers.
pub(crate) fn folders(topic: &Path, partitions: usize) -> impl Iterator<Item = (i32, PathBuf)> {
    let folders = (0..partitions).filter_map(|index| Some((i32::try_from(index).ok()?, topic.join(index.to_string()))));
    folders.filter(|(_, folder)| fs::metadata(folder).is_ok_and(|folder| folder.is_dir()))
}
