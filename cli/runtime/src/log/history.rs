//! Reading back: the stored lines of several resources in the order of their stamps.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use super::{Header, Line, Stream, read::Reader};

/// What is put together of a line's parts; more of it is told to be missing.
const LINE_BYTES: usize = 16 << 20;
/// The same for those who only watch.
const WATCHED_BYTES: usize = 1 << 20;

/// What there is in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// `left_out`: bytes of the line that are missing, because it is so long.
    Line { stamp: u64, stream: Stream, text: &'a [u8], left_out: usize },
    /// Before `stamp` there were this many more lines. `dropped`: they were there until they had to make room;
    /// otherwise they could not be written, or are damaged.
    Lost { stamp: u64, lines: u64, dropped: bool },
}

/// The records of several resources, merged by stamp: each part of a record's stamps is its own.
#[derive(Debug)]
pub struct History {
    dir: PathBuf,
    sources: Vec<Source>,
    since: u64,
    until: u64,
}

#[derive(Debug)]
struct Source {
    resource: String,
    reader: Reader,
    /// Lines that ended before the next record, if all before it was seen.
    lines: Option<u64>,
    open: [Option<Open>; 2],
}

/// A line that is not at its end.
#[derive(Debug)]
struct Open {
    stamp: u64,
    text: Vec<u8>,
    left_out: usize,
}

impl History {
    /// The logs of `resources` in `dir`, from their beginning.
    ///
    /// # Errors
    /// When a log that is there cannot be read.
    pub fn open(dir: &Path, resources: &[String]) -> io::Result<Self> {
        let mut history = Self { dir: dir.to_owned(), sources: Vec::new(), since: 0, until: u64::MAX };
        resources.iter().for_each(|resource| history.add(resource));
        Ok(history)
    }

    /// One more resource, unless it is there.
    pub fn add(&mut self, resource: &str) {
        if self.sources.iter().all(|source| source.resource != resource) {
            self.sources.push(Source {
                resource: resource.to_owned(),
                reader: Reader::new(&self.dir.join(resource)),
                lines: Some(0),
                open: [None, None],
            });
        }
    }

    /// Only lines with stamps from `since` to before `until`.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub fn limit(&mut self, since: u64, until: u64) -> io::Result<()> {
        (self.since, self.until) = (since, until);
        for source in &mut self.sources {
            source.seek(|header| header.stamp + header.pieces() <= since)?;
        }
        Ok(())
    }

    /// Goes to where each resource has at least `lines` more lines.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub fn near_end(&mut self, lines: u64) -> io::Result<()> {
        for source in &mut self.sources {
            let Some(last) = source.reader.last()? else { continue };
            let ended = |header: &Header| header.first + u64::from(header.lines);
            // One more: the record in which it ends may only have its rest.
            let before = ended(&last).saturating_sub(lines + 1);
            source.seek(|header| before > 0 && ended(header) <= before)?;
        }
        Ok(())
    }

    /// Leaves out what is far from the end: of each resource at most about `lines` are still to be read. Answers with how
    /// many were left out.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub fn skip_to(&mut self, lines: u64) -> io::Result<u64> {
        let mut skipped = 0;
        for source in &mut self.sources {
            let Some(next) = source.reader.peek(false)? else { continue };
            let Some(last) = source.reader.last()? else { continue };
            let ended = |header: &Header| header.first + u64::from(header.lines);
            let before = ended(&last).saturating_sub(lines + 1);
            if before <= ended(&next) {
                continue;
            }
            source.open = [None, None];
            source.seek(|header| ended(header) <= before)?;
            if let Some(now) = source.reader.peek(false)? {
                source.lines = Some(now.first);
                skipped += now.first.saturating_sub(next.first);
            }
        }
        Ok(skipped)
    }

    /// Reads on to where the logs end so far. Of a block of whole lines only those are given away in which `next` finds
    /// something: where in the block the next line of interest has a byte. Others come anyway.
    ///
    /// # Errors
    /// When a log cannot be read, or of `take`.
    pub fn read(
        &mut self,
        next: &dyn Fn(&[u8]) -> Option<usize>,
        take: &mut dyn FnMut(&str, Entry<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.read_on(false, u64::MAX, next, take)
    }

    /// The same, but no record that was begun after this stamp: who writes faster than we read must not keep us.
    ///
    /// # Errors
    /// As [`History::read`].
    pub fn read_to(
        &mut self,
        stop: u64,
        next: &dyn Fn(&[u8]) -> Option<usize>,
        take: &mut dyn FnMut(&str, Entry<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.read_on(false, stop, next, take)
    }

    /// What is left where nobody writes any more: a torn record, lines without end.
    ///
    /// # Errors
    /// As [`History::read`].
    pub fn finish(&mut self, take: &mut dyn FnMut(&str, Entry<'_>) -> io::Result<()>) -> io::Result<()> {
        self.read_on(true, u64::MAX, &|_| Some(0), take)?;
        let mut rest: Vec<_> = self.sources.iter_mut().flat_map(Source::close).collect();
        rest.sort_by_key(|(_, _, open)| open.stamp);
        for (resource, stream, open) in rest {
            give(&resource, (self.since, self.until), open.entry(stream), take)?;
        }
        Ok(())
    }

    fn read_on(
        &mut self,
        is_last: bool,
        stop: u64,
        next: &dyn Fn(&[u8]) -> Option<usize>,
        take: &mut dyn FnMut(&str, Entry<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let limits = (self.since, self.until);
        loop {
            let mut first: Option<(u64, &mut Source)> = None;
            for source in &mut self.sources {
                if let Some(header) = source.reader.peek(is_last)?
                    && header.stamp < self.until.min(stop)
                    && first.as_ref().is_none_or(|(stamp, _)| header.stamp < *stamp)
                {
                    first = Some((header.stamp, source));
                }
            }
            let Some((_, source)) = first else { return Ok(()) };
            source.read(limits, next, take)?;
        }
    }
}

impl Source {
    fn seek(&mut self, is_before: impl Fn(&Header) -> bool) -> io::Result<()> {
        let is_first = self.reader.seek(is_before)?;
        self.lines = is_first.then_some(0);
        Ok(())
    }

    /// One record.
    fn read(
        &mut self,
        limits: (u64, u64),
        next: &dyn Fn(&[u8]) -> Option<usize>,
        take: &mut dyn FnMut(&str, Entry<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(header) = self.reader.peek(true)? else { return Ok(()) };
        let resource = &self.resource;
        let missing = self.lines.map_or(0, |lines| header.first.saturating_sub(lines));
        let stream = header.stream;
        let open = &mut self.open[usize::from(stream == Stream::Stderr)];
        // A line that does not go on after all: its writer is gone, or what it went on with.
        if (!header.continues || missing > 0)
            && let Some(line) = open.take()
        {
            give(resource, limits, line.entry(stream), take)?;
        }
        if missing > 0 {
            let dropped = self.lines == Some(0);
            take(resource, Entry::Lost { stamp: header.stamp, lines: missing, dropped })?;
        }
        self.lines = Some(header.first + u64::from(header.lines));

        let (mut stamp, mut body) = (header.stamp, self.reader.body());
        if let Some(line) = open {
            let end = memchr::memchr(b'\n', body);
            line.add(stamp, &body[..end.unwrap_or(body.len())]);
            body = end.map_or(&[], |end| &body[end + 1..]);
            stamp += 1;
            if end.is_some()
                && let Some(line) = open.take()
            {
                give(resource, limits, line.entry(stream), take)?;
            }
        }
        let whole = memchr::memrchr(b'\n', body).map_or(0, |end| end + 1);
        let (mut lines, rest) = body.split_at(whole);
        while let Some(found) = next(lines).filter(|&found| found < lines.len()) {
            let start = memchr::memrchr(b'\n', &lines[..found]).map_or(0, |end| end + 1);
            let end = memchr::memchr(b'\n', &lines[found..]).map_or(lines.len() - 1, |end| found + end);
            if start > 0 {
                stamp += memchr::memchr_iter(b'\n', &lines[..start]).count() as u64;
            }
            give(resource, limits, Entry::Line { stamp, stream, text: &lines[start..end], left_out: 0 }, take)?;
            stamp += 1;
            lines = &lines[end + 1..];
        }
        if header.goes_on && !(rest.is_empty() && open.is_some()) {
            let stamp = header.stamp + header.pieces() - 1;
            open.get_or_insert(Open { stamp, text: Vec::new(), left_out: 0 }).add(stamp, rest);
        }
        self.reader.advance();
        Ok(())
    }

    fn close(&mut self) -> Vec<(String, Stream, Open)> {
        let streams = [Stream::Stdout, Stream::Stderr].into_iter().zip(&mut self.open);
        streams.filter_map(|(stream, open)| Some((self.resource.clone(), stream, open.take()?))).collect()
    }
}

impl Open {
    fn add(&mut self, stamp: u64, part: &[u8]) {
        let fits = part.len().min(LINE_BYTES - self.text.len());
        self.text.extend_from_slice(&part[..fits]);
        self.left_out += part.len() - fits;
        self.stamp = stamp;
    }

    fn entry(&self, stream: Stream) -> Entry<'_> {
        Entry::Line { stamp: self.stamp, stream, text: &self.text, left_out: self.left_out }
    }
}

fn give(
    resource: &str,
    (since, until): (u64, u64),
    entry: Entry<'_>,
    take: &mut dyn FnMut(&str, Entry<'_>) -> io::Result<()>,
) -> io::Result<()> {
    match entry {
        Entry::Line { stamp, .. } if stamp < since || stamp >= until => Ok(()),
        entry => take(resource, entry),
    }
}

/// Puts the lines that a watcher is sent together from their parts.
#[derive(Debug, Default)]
pub struct Assembler {
    parts: BTreeMap<(String, Stream), (Vec<u8>, usize)>,
}

impl Assembler {
    /// Takes a part; answers with a line once it is whole, and how many of its bytes are left out because it is so
    /// long.
    pub fn add(&mut self, resource: &str, mut line: Line) -> Option<(Line, usize)> {
        let key = (resource.to_owned(), line.stream);
        if !line.partial && !self.parts.contains_key(&key) {
            return Some((line, 0));
        }
        let (whole, left_out) = self.parts.entry(key.clone()).or_default();
        let fits = line.bytes.len().min(WATCHED_BYTES - whole.len().min(WATCHED_BYTES));
        whole.extend_from_slice(&line.bytes[..fits]);
        *left_out += line.bytes.len() - fits;
        if line.partial {
            return None;
        }
        let (whole, left_out) = self.parts.remove(&key)?;
        line.bytes = whole;
        Some((line, left_out))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::log::{Log, Store, store::tests::all};

    /// Resource, stamp and text of what is read from here on.
    fn rest(history: &mut History) -> Vec<(String, u64, String)> {
        let mut lines = Vec::new();
        let mut add = |resource: &str, entry: Entry<'_>| {
            if let Entry::Line { stamp, text, .. } = entry {
                lines.push((resource.to_owned(), stamp, String::from_utf8_lossy(text).into_owned()));
            }
            Ok(())
        };
        history.read(&|_| Some(0), &mut add).and_then(|()| history.finish(&mut add)).expect("the log is read");
        lines
    }

    fn write(log: &Log, bodies: &[String]) {
        bodies.iter().for_each(|body| log.say(body.as_bytes()));
    }

    #[test]
    fn lines_of_several_resources_come_back_in_the_order_they_were_written_and_reading_goes_on() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::new(dir.path().to_owned());
        let mut history = History::open(dir.path(), &["a".to_owned(), "b".to_owned()]).expect("the logs are there");
        let logs = ["a", "b"].map(|name| store.log(name).expect("a log is opened"));
        for round in 0..3 {
            for n in 0..6 {
                logs[n % 2].say(format!("{n}\nx\n").as_bytes());
            }
            let texts: String = rest(&mut history).into_iter().map(|(_, _, text)| text).collect();
            assert_eq!(texts, "0x1x2x3x4x5x", "{round}");
        }
    }

    #[test]
    fn a_long_log_is_searched_by_halves() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let log = Store::new(dir.path().to_owned()).log("a").expect("a log is opened");
        let bodies: Vec<String> = (0..40).map(|n| format!("{n} {}\n", "x".repeat(99)).repeat(1000)).collect();
        write(&log, &bodies);
        let open = || History::open(dir.path(), &["a".to_owned()]).expect("the log is there");
        let all = rest(&mut open());
        for index in (0..40_000).step_by(1777) {
            let mut history = open();
            history.limit(all[index].1, u64::MAX).expect("it is found");
            assert!(rest(&mut history) == all[index..], "{index}");
            let mut history = open();
            history.near_end(index as u64).expect("it is found");
            let found = rest(&mut history).len();
            assert!((index..=index + 2000).contains(&found), "{found} of {index}");
        }
    }

    #[test]
    fn a_reader_that_is_far_behind_leaves_out_what_it_will_not_need_and_knows_how_much() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let log = Store::new(dir.path().to_owned()).log("a").expect("a log is opened");
        let mut history = History::open(dir.path(), &["a".to_owned()]).expect("the log is there");
        write(&log, &["0\n".to_owned()]);
        assert_eq!(rest(&mut history).len(), 1);
        for round in 1..4_u64 {
            let bodies: Vec<String> =
                (0..400).map(|n| format!("{round} {n} {}\n", "x".repeat(99)).repeat(100)).collect();
            write(&log, &bodies);
            let skipped = history.skip_to(1000).expect("it is found");
            let read = rest(&mut history).len() as u64;
            assert!((1000..=1200).contains(&read), "{read}");
            assert_eq!(skipped + read, 40_000, "{round}");
            assert_eq!(history.skip_to(1000).expect("it is found"), 0);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_time_or_the_last_lines_are_found_as_if_all_were_read(
            bodies in proptest::collection::vec("([a-z]{0,20}\n){1,40}", 1..200), kept in 4_u64..400, at: prop::sample::Index, tail in 0..50_u64,
        ) {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let log = Store::keeping(dir.path().to_owned(), kept << 10).log("a").expect("a log is opened");
            write(&log, &bodies);
            let open = || History::open(dir.path(), &["a".to_owned()]).expect("the log is there");
            let all = rest(&mut open());
            let index = at.index(all.len());
            let mut history = open();
            history.limit(all[index].1, u64::MAX).expect("it is found");
            prop_assert_eq!(&rest(&mut history)[..], &all[index..]);
            let mut history = open();
            history.limit(0, all[index].1).expect("it is found");
            prop_assert_eq!(&rest(&mut history)[..], &all[..index]);
            let mut history = open();
            history.near_end(tail).expect("it is found");
            let found = rest(&mut history);
            let tail = all.len().min(usize::try_from(tail).expect("it fits"));
            prop_assert!(found.len() >= tail);
            prop_assert_eq!(&found[found.len() - tail..], &all[all.len() - tail..]);
        }

        #[test]
        fn no_bytes_in_a_segment_break_its_reading_and_damage_costs_only_what_it_hits(
            noise in proptest::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index,
        ) {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let log = Store::new(dir.path().to_owned()).log("a").expect("a log is opened");
            let bodies: Vec<String> = (0..100).map(|n| format!("line {n}\n")).collect();
            write(&log, &bodies);
            let path = dir.path().join("a/00000001.log");
            let mut bytes = std::fs::read(&path).expect("it is there");
            let start = at.index(bytes.len());
            let end = (start + noise.len()).min(bytes.len());
            bytes[start..end].copy_from_slice(&noise[..end - start]);
            std::fs::write(&path, &bytes).expect("it is damaged");
            let read = all(dir.path(), "a");
            // A record has 60 bytes or more.
            let whole = (0..100).filter(|n| read.contains(&format!("line {n}"))).count();
            prop_assert!(whole >= 100 - noise.len() / 60 - 2, "{} of {:?}", whole, read);
            log.say(b"next\n");
        }
    }
}
