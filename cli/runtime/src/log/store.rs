//! Writing: segments of each resource, the oldest going when there are too many.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Header, Stream, header::BYTES, recent::Recent, segment};

/// MiB kept of each resource.
const KEPT_MIB: u64 = 256;
/// Says otherwise.
const KEPT: &str = "SHOPCTL_LOG_MIB";
/// A log has at least so many segments when it is full: the share that goes at once.
const SEGMENTS: u64 = 16;

/// Where the logs of an instance go.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
    /// Bytes of each resource that are kept.
    kept: u64,
    next_stamp: Arc<AtomicU64>,
    logs: Arc<Mutex<BTreeMap<String, Arc<Log>>>>,
}

impl Store {
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        let wanted = std::env::var(KEPT).ok().and_then(|mib| mib.parse().ok()).filter(|&mib| mib > 0);
        Self::keeping(dir, wanted.unwrap_or(KEPT_MIB) << 20)
    }

    pub(super) fn keeping(dir: PathBuf, kept: u64) -> Self {
        Self { dir, kept, next_stamp: Arc::default(), logs: Arc::default() }
    }

    /// The log of one resource.
    ///
    /// # Errors
    /// When its file cannot be opened.
    pub fn log(&self, resource: &str) -> io::Result<Arc<Log>> {
        let mut logs = lock(&self.logs);
        if let Some(log) = logs.get(resource) {
            return Ok(log.clone());
        }
        let (sink, next) = Sink::open(&self.dir.join(resource), self.kept)?;
        // A clock that was set back turns no order around.
        self.next_stamp.fetch_max(next, Ordering::Relaxed);
        let log = Arc::new(Log {
            next_stamp: self.next_stamp.clone(),
            sink: Mutex::new(sink),
            lines: AtomicU64::new(0),
            recent: Mutex::default(),
        });
        logs.insert(resource.to_owned(), log.clone());
        Ok(log)
    }

    /// How many lines each resource has ended since this supervisor started.
    #[must_use]
    pub fn lines(&self) -> BTreeMap<String, u64> {
        let logs = lock(&self.logs);
        logs.iter().map(|(name, log)| (name.clone(), log.lines.load(Ordering::Relaxed))).collect()
    }

    /// The last lines of a resource since this supervisor started, as text.
    #[must_use]
    pub fn tail(&self, resource: &str, lines: usize) -> Vec<String> {
        let log = lock(&self.logs).get(resource).cloned();
        log.map(|log| lock(&log.recent).last(lines)).unwrap_or_default()
    }
}

/// The log of one resource.
#[derive(Debug)]
pub struct Log {
    next_stamp: Arc<AtomicU64>,
    sink: Mutex<Sink>,
    /// Ended since it was opened.
    lines: AtomicU64,
    /// Apart from the sink, which may have to wait for a disk.
    recent: Mutex<Recent>,
}

impl Log {
    /// Writes a record in one step: `record` is room for a header, and the body. Answers also with what it was given
    /// when the disk does not take it.
    pub(super) fn write(
        &self,
        stream: Stream,
        continues: bool,
        goes_on: bool,
        record: &mut [u8],
    ) -> (Header, io::Result<()>) {
        let body = &record[BYTES..];
        let mut header = Header {
            stamp: 0,
            stream,
            continues,
            goes_on,
            first: 0,
            lines: u32::try_from(memchr::memchr_iter(b'\n', body).count()).unwrap_or(u32::MAX),
            length: u32::try_from(body.len()).unwrap_or(u32::MAX),
        };
        let written = {
            let mut sink = lock(&self.sink);
            header.stamp = self.stamps(header.pieces());
            sink.write(&mut header, record)
        };
        self.lines.fetch_add(header.lines.into(), Ordering::Relaxed);
        lock(&self.recent).add(&header, &record[BYTES..]);
        (header, written)
    }

    /// The first of `count` consecutive stamps.
    fn stamps(&self, count: u64) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let rising = |next: u64| Some(now.max(next).saturating_add(count));
        let next = self.next_stamp.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rising).unwrap_or_default();
        now.max(next)
    }
}

#[derive(Debug)]
struct Sink {
    dir: PathBuf,
    /// Of all segments together.
    kept: u64,
    /// Number and size of those before the current one.
    full: VecDeque<(u64, u64)>,
    number: u64,
    file: File,
    size: u64,
    /// Lines ended so far, those that were lost included.
    lines: u64,
}

impl Sink {
    /// Also answers with the first stamp that is free.
    fn open(dir: &Path, kept: u64) -> io::Result<(Self, u64)> {
        fs::create_dir_all(dir)?;
        let mut full = VecDeque::new();
        for number in segment::list(dir)? {
            full.push_back((number, fs::metadata(segment::path(dir, number))?.len()));
        }
        let (number, _) = full.pop_back().unwrap_or((1, 0));
        let file = open(dir, number)?;
        let mut sink = Self { dir: dir.to_owned(), kept, full, number, size: 0, file, lines: 0 };
        let mut last = sink.mend()?;
        for &(number, size) in sink.full.iter().rev() {
            if last.is_some() {
                break;
            }
            last = segment::last(&File::open(segment::path(dir, number))?, number, size)?.map(|(_, header)| header);
        }
        let Some(last) = last else { return Ok((sink, 0)) };
        sink.lines = last.first + u64::from(last.lines);
        Ok((sink, last.stamp + last.pieces()))
    }

    /// A supervisor that was killed while it wrote may have left half a record at the end. What is there of it is kept.
    fn mend(&mut self) -> io::Result<Option<Header>> {
        let size = self.file.metadata()?.len();
        let last = segment::last(&self.file, self.number, size)?;
        let Some((offset, mut header)) = last else {
            // Nothing in it can be understood, if there is anything: it is left as it is.
            if size > 0 {
                self.full.push_back((self.number, size));
                self.number += 1;
                self.file = open(&self.dir, self.number)?;
            }
            return Ok(None);
        };
        let begin = offset + BYTES as u64;
        let end = begin + u64::from(header.length);
        self.size = end.min(size);
        if size > end {
            self.file.set_len(end)?;
        } else if size < end {
            let mut body = vec![0; usize::try_from(size - begin).unwrap_or(0)];
            self.file.read_exact_at(&mut body, begin)?;
            header.lines = u32::try_from(memchr::memchr_iter(b'\n', &body).count()).unwrap_or(u32::MAX);
            header.length = u32::try_from(body.len()).unwrap_or(u32::MAX);
            header.goes_on = body.last().is_some_and(|&byte| byte != b'\n');
            self.file.write_all_at(&header.encode(self.number, offset), offset)?;
        }
        Ok(Some(header))
    }

    fn write(&mut self, header: &mut Header, record: &mut [u8]) -> io::Result<()> {
        header.first = self.lines;
        self.lines += u64::from(header.lines);
        let written = self.put(header, record);
        if written.is_err() {
            // A hole in the middle of a line shows, too.
            self.lines += u64::from(header.lines == 0);
            // What of it did get there is written over, or cut off.
            let _ = self.file.set_len(self.size);
        }
        written
    }

    fn put(&mut self, header: &Header, record: &mut [u8]) -> io::Result<()> {
        let length = record.len() as u64;
        if self.size > 0 && self.size + length > self.kept / SEGMENTS {
            self.rotate()?;
        }
        record[..BYTES].copy_from_slice(&header.encode(self.number, self.size));
        self.file.write_all_at(record, self.size)?;
        self.size += length;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file = open(&self.dir, self.number + 1)?;
        self.full.push_back((self.number, self.size));
        (self.number, self.size) = (self.number + 1, 0);
        let mut kept: u64 = self.full.iter().map(|(_, size)| size).sum();
        while kept + self.kept / SEGMENTS > self.kept
            && let Some((number, size)) = self.full.pop_front()
        {
            fs::remove_file(segment::path(&self.dir, number))?;
            kept -= size;
        }
        Ok(())
    }
}

fn open(dir: &Path, number: u64) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(segment::path(dir, number))
}

/// A panic while writing a log line leaves nothing half done that matters more than going on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::log::{Entry, History};

    impl Log {
        /// Writes `body` as a record of its own.
        pub(crate) fn say(&self, body: &[u8]) {
            let mut record = [&[0; BYTES], body].concat();
            let (_, written) = self.write(Stream::Stdout, false, !body.ends_with(b"\n"), &mut record);
            written.expect("it is written");
        }
    }

    /// Everything of one resource, lost lines as `-COUNT`.
    pub(in crate::log) fn all(dir: &Path, resource: &str) -> Vec<String> {
        let mut history = History::open(dir, &[resource.to_owned()]).expect("the log is there");
        let mut texts = Vec::new();
        let mut add = |_: &str, entry: Entry<'_>| {
            texts.push(match entry {
                Entry::Line { text, .. } => String::from_utf8_lossy(text).into_owned(),
                Entry::Lost { lines, .. } => format!("-{lines}"),
            });
            Ok(())
        };
        history.read(&|_| Some(0), &mut add).and_then(|()| history.finish(&mut add)).expect("the log is read");
        texts
    }

    #[test]
    fn a_record_torn_by_a_kill_costs_only_what_is_missing_of_it() {
        for torn in 0..BYTES + 12 {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let log = Store::new(dir.path().to_owned()).log("a").expect("a log is opened");
            log.say(b"one\n");
            log.say(b"two\nthree\nfour\n");
            let file = open(&dir.path().join("a"), 1).expect("it is there");
            let size = file.metadata().expect("it is there").len();
            file.set_len(size - torn as u64).expect("it is cut");
            let before = all(dir.path(), "a");
            let log = Store::new(dir.path().to_owned()).log("a").expect("a log is opened");
            log.say(b"five\n");
            let after = all(dir.path(), "a");
            assert_eq!((&after[0], after.last().expect("there are lines")), (&"one".to_owned(), &"five".to_owned()));
            assert_eq!(after[..after.len() - 1], before, "cut by {torn}");
            assert_eq!(before.contains(&"three".to_owned()), torn <= 6, "cut by {torn}: {before:?}");
        }
    }

    #[test]
    fn the_oldest_lines_go_and_are_counted() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let log = Store::keeping(dir.path().to_owned(), 16 << 10).log("a").expect("a log is opened");
        for n in 0..1000 {
            log.say(format!("{n}\n{}\n", "x".repeat(50)).as_bytes());
        }
        let size: u64 = fs::read_dir(dir.path().join("a"))
            .expect("it is there")
            .map(|entry| entry.expect("a file").metadata().expect("it is there").len())
            .sum();
        assert!((14 << 10..=16 << 10).contains(&size), "{size}");
        let lines = all(dir.path(), "a");
        let dropped: usize = lines[0].strip_prefix('-').expect("told").parse().expect("a number");
        assert_eq!(dropped + lines.len() - 1, 2000);
        assert_eq!(lines[1], (dropped / 2).to_string());
        // The count goes on with the next supervisor.
        let log = Store::keeping(dir.path().to_owned(), 16 << 10).log("a").expect("a log is opened");
        log.say(b"last\n");
        let lines = all(dir.path(), "a");
        assert_eq!((lines.last().map(String::as_str), lines[0].starts_with('-')), (Some("last"), true));
    }

    #[test]
    fn lines_that_a_full_disk_does_not_take_are_counted_and_writing_goes_on_when_there_is_room() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let log = Store::new(dir.path().to_owned()).log("a").expect("a log is opened");
        log.say(b"one\n");
        let good = std::mem::replace(
            &mut lock(&log.sink).file,
            File::options().read(true).write(true).open("/dev/full").expect("Linux has it"),
        );
        for body in [&b"two\nthree\n"[..], b"four\n"] {
            let (_, written) = log.write(Stream::Stdout, false, false, &mut [&[0; BYTES], body].concat());
            assert_eq!(written.expect_err("the disk is full").kind(), io::ErrorKind::StorageFull);
        }
        lock(&log.sink).file = good;
        log.say(b"five\n");
        assert_eq!(all(dir.path(), "a"), ["one", "-3", "five"]);
    }
}
