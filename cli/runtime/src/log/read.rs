//! One resource's records, from its segments, also while they are being written.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use super::{
    Header,
    header::{BODY_BYTES, BYTES},
    segment,
};

/// Read at once.
const BLOCK_BYTES: usize = 2 * (BODY_BYTES + BYTES);

#[derive(Debug)]
pub(super) struct Reader {
    dir: PathBuf,
    /// The segment that is being read; none before the first.
    number: u64,
    file: Option<File>,
    /// A later one is there: nothing is added to this one any more.
    is_full: bool,
    /// In the segment, of `block[start]`.
    offset: u64,
    block: Vec<u8>,
    start: usize,
    end: usize,
    /// The record at `start`, of which all that there will ever be is in the block.
    current: Option<Header>,
}

impl Reader {
    /// Before the first record.
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            number: 0,
            file: None,
            is_full: true,
            offset: 0,
            block: Vec::new(),
            start: 0,
            end: 0,
            current: None,
        }
    }

    /// The next record; none where the log ends so far. A record at the very end that is not all there is being
    /// written, unless `is_last` says that nobody writes.
    pub(super) fn peek(&mut self, is_last: bool) -> io::Result<Option<Header>> {
        while self.current.is_none() {
            if self.fill(BYTES)? < BYTES {
                if self.next_segment()? { continue } else { return Ok(None) }
            }
            let Some(mut header) = self.decode() else {
                // Damaged; the next one that makes sense, or the end.
                self.skip(1);
                self.find()?;
                continue;
            };
            let there = self.fill(BYTES + header.length as usize)? - BYTES;
            if there < header.length as usize {
                if !self.is_full && self.has_later()? {
                    self.is_full = true;
                    continue;
                }
                if !self.is_full && !is_last {
                    return Ok(None);
                }
                let body = &self.block[self.start + BYTES..self.start + BYTES + there];
                header.lines = u32::try_from(memchr::memchr_iter(b'\n', body).count()).unwrap_or(u32::MAX);
                header.length = u32::try_from(there).unwrap_or(u32::MAX);
                header.goes_on = body.last().is_some_and(|&byte| byte != b'\n');
            }
            self.current = Some(header);
        }
        Ok(self.current)
    }

    /// Of the record that `peek` has found.
    pub(super) fn body(&self) -> &[u8] {
        let length = self.current.map_or(0, |header| header.length as usize);
        self.block.get(self.start + BYTES..self.start + BYTES + length).unwrap_or_default()
    }

    pub(super) fn advance(&mut self) {
        if let Some(header) = self.current.take() {
            self.skip(BYTES + header.length as usize);
        }
    }

    /// Goes to the first record for which `is_before` is false; it is true for all before that one. Answers whether
    /// that is the first one of all.
    pub(super) fn seek(&mut self, is_before: impl Fn(&Header) -> bool) -> io::Result<bool> {
        let mut is_first = true;
        for number in segment::list(&self.dir)?.into_iter().rev() {
            if !self.open(number, 0)? {
                continue;
            }
            if self.find()?.is_some_and(|header| is_before(&header)) {
                is_first = false;
                break;
            }
        }
        if is_first {
            return Ok(true);
        }
        let mut low = self.offset;
        let mut high = self.file.as_ref().map_or(Ok(0), |file| file.metadata().map(|data| data.len()))?;
        while high.saturating_sub(low) > BLOCK_BYTES as u64 {
            let middle = low + (high - low) / 2;
            self.jump(middle);
            match self.find()? {
                Some(header) if is_before(&header) => low = self.offset,
                Some(_) | None => high = middle,
            }
        }
        self.jump(low);
        while self.peek(true)?.is_some_and(|header| is_before(&header)) {
            self.advance();
        }
        // What `peek` took for the last one may go on.
        self.current = None;
        Ok(false)
    }

    /// The last record of all.
    pub(super) fn last(&self) -> io::Result<Option<Header>> {
        for number in segment::list(&self.dir)?.into_iter().rev() {
            let file = match File::open(segment::path(&self.dir, number)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file?,
            };
            let size = file.metadata()?.len();
            if let Some((_, header)) = segment::last(&file, number, size)? {
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    fn decode(&self) -> Option<Header> {
        Header::decode(&self.block[self.start..self.end], self.number, self.offset)
    }

    /// Moves to the first header from here on in this segment; to its end if there is none.
    fn find(&mut self) -> io::Result<Option<Header>> {
        while self.fill(BYTES)? >= BYTES {
            if let Some((at, header)) = segment::find(&self.block[self.start..self.end], self.number, self.offset) {
                self.skip(at);
                return Ok(Some(header));
            }
            // A header may begin at the end of this block.
            self.skip(self.end - self.start - (BYTES - 1));
        }
        Ok(None)
    }

    fn skip(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += bytes as u64;
    }

    fn jump(&mut self, offset: u64) {
        (self.offset, self.start, self.end, self.current) = (offset, 0, 0, None);
    }

    /// Has at least `wanted` bytes in the block, or all there are; answers with how many.
    fn fill(&mut self, wanted: usize) -> io::Result<usize> {
        let Some(file) = &self.file else { return Ok(0) };
        if self.end - self.start < wanted {
            self.block.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            self.block.resize(BLOCK_BYTES, 0);
            while self.end < wanted {
                match file.read_at(&mut self.block[self.end..], self.offset + self.end as u64) {
                    Ok(0) => break,
                    Ok(count) => self.end += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(self.end - self.start)
    }

    fn has_later(&self) -> io::Result<bool> {
        Ok(segment::list(&self.dir)?.last().is_some_and(|&last| last > self.number))
    }

    /// To the segment after this one, if there is one and this one is read to its end.
    fn next_segment(&mut self) -> io::Result<bool> {
        let later = segment::list(&self.dir)?.into_iter().find(|&number| number > self.number);
        let Some(later) = later else { return Ok(false) };
        if !self.is_full {
            // Something may have come between the look at its end and now.
            self.is_full = true;
            return Ok(true);
        }
        // One that was dropped just now is missing, which the count of lines tells.
        if !self.open(later, 0)? {
            self.number = later;
        }
        Ok(true)
    }

    fn open(&mut self, number: u64, offset: u64) -> io::Result<bool> {
        match File::open(segment::path(&self.dir, number)) {
            Ok(file) => self.file = Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        }
        (self.number, self.is_full) = (number, false);
        self.jump(offset);
        Ok(true)
    }
}
