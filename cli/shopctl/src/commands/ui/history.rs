//! Parts of a log in both directions, from the files.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use regex::bytes::Regex;
use shopctl_runtime::log::{Entry, History};
use shopctl_tui::log::{self, Line, Source, TEXT_BYTES, Wanted};

use crate::{
    args,
    commands::logs::{event, filter::Filter},
};

/// What every line of level error has in it, and few others.
static ERROR: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("(?i)error|fatal|panic|critical").ok());
/// The time before a place that is read first when lines before it are wanted; then more and more.
const SPAN: Duration = Duration::from_millis(4);
const MORE: u64 = 8;
/// In nanoseconds.
const DAY: u64 = 24 * 3600 * 1_000_000_000;

/// Which lines of which resources.
pub(super) struct Wish {
    dir: PathBuf,
    names: Vec<String>,
    filter: RefCell<Filter>,
    /// Beside the filter.
    grep: Option<RefCell<Filter>>,
    errors: bool,
}

/// A line that is wanted, or a word on lines that are missing.
pub(super) struct Found<'a> {
    pub(super) resource: &'a str,
    pub(super) stamp: u64,
    text: &'a [u8],
    /// Bytes.
    left_out: usize,
}

/// Lines, and whether there are none beyond them.
pub(super) struct Part {
    pub(super) lines: Vec<Line>,
    pub(super) is_all: bool,
}

/// Stamps from here on are still to come. Whoever reads up to here comes to an end, however fast somebody writes.
pub(super) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

impl Wish {
    /// # Errors
    /// When a pattern makes no sense.
    pub(super) fn new(
        dir: &Path,
        known: &[String],
        source: &Source,
        filter: &log::Filter,
        wanted: Option<&Wanted>,
    ) -> io::Result<Self> {
        let names = match source {
            Source::All => known.to_vec(),
            Source::One(name) => vec![name.clone()],
        };
        let of = |grep: Option<&str>, level| {
            Filter::of(grep, level).map(RefCell::new).map_err(|error| io::Error::other(error.to_string()))
        };
        let (grep, errors) = match wanted {
            Some(Wanted::Pattern(pattern)) => (Some(of(Some(pattern), None)?), false),
            Some(Wanted::Error) => (None, true),
            None => (None, false),
        };
        let filter = of(filter.only.as_deref(), filter.level.map(to_args))?;
        Ok(Self { dir: dir.to_owned(), names, filter, grep, errors })
    }

    /// Whether every line is wanted.
    pub(super) fn takes_all(&self) -> bool {
        self.grep.is_none() && !self.errors && self.filter.borrow().takes_all()
    }

    /// The log from one stamp to before another.
    pub(super) fn open(&self, since: u64, until: u64) -> io::Result<History> {
        let mut history = History::open(&self.dir, &self.names)?;
        history.limit(since, until)?;
        Ok(history)
    }

    /// Reads on to where the log ends now; `take` may end that by an error.
    pub(super) fn read(
        &self,
        history: &mut History,
        take: &mut dyn FnMut(Found<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let takes_all = self.takes_all();
        // Which lines pass may depend on those before them, unless all do.
        let is_free = self.filter.borrow().takes_all();
        let next = |block: &[u8]| match (&self.grep, &*ERROR) {
            (Some(grep), _) if is_free => grep.borrow().find(block),
            (None, Some(error)) if is_free && self.errors => error.find(block).map(|found| found.start()),
            _ => self.filter.borrow().find(block),
        };
        history.read_to(now(), &next, &mut |resource, entry| match entry {
            Entry::Line { stamp, stream, text, left_out } => {
                let passes = self.filter.borrow_mut().passes(resource, stream, text)
                    && self.grep.as_ref().is_none_or(|grep| grep.borrow_mut().passes(resource, stream, text))
                    && (!self.errors || event::level(text) == Some(args::Level::Error));
                if passes { take(Found { resource, stamp, text, left_out }) } else { Ok(()) }
            }
            Entry::Lost { stamp, lines, dropped } if takes_all => {
                let text = if dropped {
                    format!("… {lines} earlier lines dropped: a log keeps the last 256 MiB, or SHOPCTL_LOG_MIB")
                } else {
                    format!("… {lines} lines lost here: the disk was full, or the file is damaged")
                };
                take(Found { resource, stamp, text: text.as_bytes(), left_out: 0 })
            }
            Entry::Lost { .. } => Ok(()),
        })
    }

    /// The last `count` lines before `until`, which is now.
    pub(super) fn latest(&self, until: u64, count: usize) -> io::Result<Part> {
        if !self.takes_all() {
            return self.before(until, count);
        }
        let mut history = self.open(0, until)?;
        // As many of each resource are enough for as many of all.
        let skipped = history.skip_to(count as u64)?;
        let part = self.last_of(&mut history, count)?;
        Ok(Part { is_all: part.is_all && skipped == 0, ..part })
    }

    /// The last `count` lines before a stamp.
    pub(super) fn before(&self, until: u64, count: usize) -> io::Result<Part> {
        let until = until.min(now());
        let mut span = u64::try_from(SPAN.as_nanos()).unwrap_or(u64::MAX);
        loop {
            let since = until.saturating_sub(span);
            let part = self.last_of(&mut self.open(since, until)?, count)?;
            if part.lines.len() == count || since == 0 {
                return Ok(Part { is_all: part.is_all && since == 0, ..part });
            }
            // Who looks further back than a day looks at all there is: no log is read again and again for empty years.
            span = if span > DAY { u64::MAX } else { span.saturating_mul(MORE) };
        }
    }

    /// The last `count` lines of those that are still to be read.
    pub(super) fn last_of(&self, history: &mut History, count: usize) -> io::Result<Part> {
        let mut lines = VecDeque::new();
        let mut is_all = true;
        self.read(history, &mut |found| {
            if lines.len() == count {
                lines.pop_front();
                is_all = false;
            }
            lines.push_back(found.line());
            Ok(())
        })?;
        Ok(Part { lines: lines.into(), is_all })
    }

    /// The first `count` lines after a stamp, before another.
    pub(super) fn after(&self, stamp: u64, until: u64, count: usize) -> io::Result<Part> {
        let mut history = self.open(stamp.saturating_add(1), until)?;
        let mut lines = Vec::new();
        let read = self.read(&mut history, &mut |found| {
            if lines.len() == count {
                return Err(io::ErrorKind::QuotaExceeded.into());
            }
            lines.push(found.line());
            Ok(())
        });
        let is_all = match read {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => false,
            Err(error) => return Err(error),
        };
        Ok(Part { lines, is_all })
    }
}

impl Found<'_> {
    /// As the dashboard holds it: a long line is only its beginning.
    pub(super) fn line(&self) -> Line {
        let shown = &self.text[..self.text.len().min(TEXT_BYTES)];
        let hidden = self.text.len() - shown.len() + self.left_out;
        let mut text = String::from_utf8_lossy(shown).into_owned();
        if hidden > 0 {
            text.push_str(&format!(" … ({hidden} bytes more)"));
        }
        Line { stamp: self.stamp, resource: self.resource.into(), level: event::level(self.text).map(of_args), text }
    }

    pub(super) fn write(&self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(self.text)?;
        out.write_all(b"\n")
    }
}

fn of_args(level: args::Level) -> log::Level {
    match level {
        args::Level::Error => log::Level::Error,
        args::Level::Warn => log::Level::Warn,
        args::Level::Info => log::Level::Info,
        args::Level::Debug => log::Level::Debug,
        args::Level::Trace => log::Level::Trace,
    }
}

fn to_args(level: log::Level) -> args::Level {
    match level {
        log::Level::Error => args::Level::Error,
        log::Level::Warn => args::Level::Warn,
        log::Level::Info => args::Level::Info,
        log::Level::Debug => args::Level::Debug,
        log::Level::Trace => args::Level::Trace,
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::fd::OwnedFd};

    use shopctl_runtime::{
        log::{Header, Store, Stream, pump},
        process::Observer,
    };
    use tokio::{net::unix::pipe::Receiver, sync::oneshot};

    use super::*;

    #[derive(Clone)]
    struct Nobody;

    impl Observer for Nobody {
        const MARK: &'static [u8] = b"";

        fn divert(&mut self, _: &[u8]) -> bool {
            false
        }

        fn is_watched(&self) -> bool {
            false
        }

        fn seen(&mut self, _: &Header, _: &[u8]) {}

        fn log_failed(&mut self, error: io::Error) {
            panic!("a line is lost: {error}");
        }

        fn log_recovered(&mut self) {}
    }

    /// Has the supervisor's own pump write what a resource says.
    async fn write(store: &Store, name: &str, text: String) {
        let (reader, mut writer) = io::pipe().expect("a pipe is made");
        let pipe = Receiver::from_owned_fd(OwnedFd::from(reader)).expect("it is a pipe");
        let ((_exited, exit), (drain, _drained)) = (oneshot::channel(), oneshot::channel());
        let log = store.log(name).expect("a log is opened");
        let pumped = tokio::spawn(pump(pipe, Stream::Stdout, log, Nobody, exit, drain));
        let writing = tokio::task::spawn_blocking(move || writer.write_all(text.as_bytes()));
        writing.await.expect("the writer ends").expect("it is written");
        pumped.await.expect("the pump ends");
    }

    fn wish(dir: &Path, filter: &log::Filter, wanted: Option<&Wanted>) -> Wish {
        Wish::new(dir, &["a".to_owned(), "b".to_owned()], &Source::All, filter, wanted).expect("a wish")
    }

    /// Two logs of a thousand lines, one after the other.
    async fn written() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::new(dir.path().to_owned());
        let line = |n: u32| format!("{} line {n}\n", if n.is_multiple_of(500) { "ERROR" } else { "INFO" });
        write(&store, "a", (0..1000).map(line).collect()).await;
        write(&store, "b", (1000..2000).map(line).collect()).await;
        dir
    }

    fn texts(part: &Part) -> Vec<&str> {
        part.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[tokio::test]
    async fn both_directions_meet_without_a_gap_and_tell_where_the_log_ends() {
        let dir = written().await;
        let all = wish(dir.path(), &log::Filter::default(), None);
        let last = all.before(now(), 10).expect("it is read");
        assert_eq!(texts(&last)[9], "INFO line 1999");
        let older = all.before(last.lines[0].stamp, 10).expect("it is read");
        assert_eq!((texts(&older)[0], texts(&older)[9], older.is_all), ("INFO line 1980", "INFO line 1989", false));
        let newer = all.after(older.lines[9].stamp, now(), 50).expect("it is read");
        assert_eq!((newer.lines.len(), newer.is_all), (10, true));
        let first = all.after(0, now(), 5).expect("it is read");
        assert_eq!((texts(&first)[0], first.is_all), ("ERROR line 0", false));
        assert!(all.before(first.lines[4].stamp, 50).expect("it is read").is_all);
    }

    #[tokio::test]
    async fn errors_and_matches_are_found_in_both_directions() {
        let dir = written().await;
        let errors = wish(dir.path(), &log::Filter::default(), Some(&Wanted::Error));
        let last = errors.before(now(), 1).expect("it is read");
        assert_eq!(texts(&last), ["ERROR line 1500"]);
        assert_eq!(texts(&errors.before(last.lines[0].stamp, 1).expect("it is read")), ["ERROR line 1000"]);
        let filter = log::Filter { only: None, level: Some(log::Level::Error) };
        let pattern = Wanted::Pattern("line 1.00$".to_owned());
        let both = wish(dir.path(), &filter, Some(&pattern));
        assert_eq!(texts(&both.after(0, now(), 9).expect("it is read")), ["ERROR line 1000", "ERROR line 1500"]);
    }
}
