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
            // One more: its rest may begin the record that is found.
            let first = (last.first + u64::from(last.lines)).saturating_sub(lines + 1);
            source.seek(|header| header.first < first)?;
        }
        Ok(())
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
        self.read_on(false, next, take)
    }

    /// What is left where nobody writes any more: a torn record, lines without end.
    ///
    /// # Errors
    /// As [`History::read`].
    pub fn finish(&mut self, take: &mut dyn FnMut(&str, Entry<'_>) -> io::Result<()>) -> io::Result<()> {
        self.read_on(true, &|_| Some(0), take)?;
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
        next: &dyn Fn(&[u8]) -> Option<usize>,
        take: &mut dyn FnMut(&str, Entry<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let limits = (self.since, self.until);
        loop {
            let mut first: Option<(u64, &mut Source)> = None;
            for source in &mut self.sources {
                if let Some(header) = source.reader.peek(is_last)?
                    && header.stamp < self.until
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
