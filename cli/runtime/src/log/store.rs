//! Writing: one open file per resource, rotated by size, with a short tail in memory.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use super::Stream;

/// Two files of this size are kept of each resource.
const FILE_BYTES: u64 = 128 << 20;
/// Lines of a resource kept in memory: what a failed boot shows.
const TAIL_LINES: usize = 40;
/// Bytes of a line kept in memory.
const TAIL_BYTES: usize = 2048;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Microseconds since 1970, rising strictly within an instance.
    pub stamp: u64,
    pub stream: Stream,
    /// It goes on in the next record of this stream.
    pub partial: bool,
    pub bytes: Vec<u8>,
}

/// Where the logs of an instance go.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
    last_stamp: Arc<AtomicU64>,
    logs: Arc<Mutex<BTreeMap<String, Arc<Log>>>>,
}

impl Store {
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, last_stamp: Arc::default(), logs: Arc::default() }
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
        let sink = Sink::open(&self.dir.join(format!("{resource}.log")))?;
        let log = Arc::new(Log { last_stamp: self.last_stamp.clone(), sink: Mutex::new(sink) });
        logs.insert(resource.to_owned(), log.clone());
        Ok(log)
    }

    /// The last lines of a resource since this supervisor started, as text.
    #[must_use]
    pub fn tail(&self, resource: &str, lines: usize) -> Vec<String> {
        let log = lock(&self.logs).get(resource).cloned();
        log.map(|log| log.tail(lines)).unwrap_or_default()
    }
}

/// The log of one resource.
#[derive(Debug)]
pub struct Log {
    last_stamp: Arc<AtomicU64>,
    sink: Mutex<Sink>,
}

impl Log {
    /// Writes lines (bytes without newline, whether each goes on) in one step, and answers with their records.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn write(&self, stream: Stream, lines: Vec<(Vec<u8>, bool)>) -> io::Result<Vec<Line>> {
        let mut sink = lock(&self.sink);
        let records: Vec<Line> = lines
            .into_iter()
            .map(|(bytes, partial)| Line { stamp: self.next_stamp(), stream, partial, bytes })
            .collect();
        let written = sink.write(&records);
        records.iter().for_each(|record| sink.remember(record));
        written.map(|()| records)
    }

    fn tail(&self, lines: usize) -> Vec<String> {
        let sink = lock(&self.sink);
        let skipped = sink.tail.len().saturating_sub(lines);
        sink.tail.iter().skip(skipped).map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    fn next_stamp(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let rising = |last: u64| Some(now.max(last + 1));
        let last = self.last_stamp.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rising).unwrap_or_default();
        now.max(last + 1)
    }
}

#[derive(Debug)]
struct Sink {
    path: PathBuf,
    file: File,
    size: u64,
    /// Each with whether it still goes on.
    tail: VecDeque<(Option<Stream>, Vec<u8>)>,
    buffer: Vec<u8>,
}

impl Sink {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().append(true).create(true).open(path)?;
        let mut sink = Self {
            path: path.to_owned(),
            size: file.metadata()?.len(),
            file,
            tail: VecDeque::new(),
            buffer: Vec::new(),
        };
        sink.end_torn_record()?;
        Ok(sink)
    }

    /// A supervisor that was killed while it wrote may have left half a record.
    fn end_torn_record(&mut self) -> io::Result<()> {
        use std::os::unix::fs::FileExt as _;
        let mut last = [b'\n'];
        if self.size > 0 {
            File::open(&self.path)?.read_exact_at(&mut last, self.size - 1)?;
        }
        if last != [b'\n'] {
            self.file.write_all(b"\n")?;
            self.size += 1;
        }
        Ok(())
    }

    fn write(&mut self, records: &[Line]) -> io::Result<()> {
        self.buffer.clear();
        for record in records {
            let stream = match (record.stream, record.partial) {
                (Stream::Stdout, false) => 'o',
                (Stream::Stdout, true) => 'O',
                (Stream::Stderr, false) => 'e',
                (Stream::Stderr, true) => 'E',
            };
            write!(self.buffer, "{}{stream} ", record.stamp)?;
            self.buffer.extend_from_slice(&record.bytes);
            self.buffer.push(b'\n');
        }
        if self.size + self.buffer.len() as u64 > FILE_BYTES && self.size > 0 {
            self.rotate()?;
        }
        self.file.write_all(&self.buffer)?;
        self.size += self.buffer.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        fs::rename(&self.path, self.path.with_extension("log.1"))?;
        self.file = File::options().append(true).create(true).open(&self.path)?;
        self.size = 0;
        Ok(())
    }

    fn remember(&mut self, record: &Line) {
        let open = record.partial.then_some(record.stream);
        let part = &record.bytes[..record.bytes.len().min(TAIL_BYTES)];
        match self.tail.iter_mut().rev().find(|(stream, _)| *stream == Some(record.stream)) {
            Some((stream, bytes)) => {
                bytes.extend_from_slice(&part[..part.len().min(TAIL_BYTES.saturating_sub(bytes.len()))]);
                *stream = open;
            }
            None => {
                self.tail.push_back((open, part.to_owned()));
                if self.tail.len() > TAIL_LINES {
                    self.tail.pop_front();
                }
            }
        }
    }
}

/// A panic while writing a log line leaves nothing half done that matters more than going on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
