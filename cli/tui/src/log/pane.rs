//! The window on the log: which lines it holds, which of them are to be seen, where the cursor is.

use std::collections::{BTreeSet, VecDeque};

use regex::Regex;

use super::{Answer, At, Direction, Filter, Line, Request, Source, Wanted};
use crate::subject::Subject;

/// Lines that the window holds at most, and bytes of their text.
const LINES: usize = 12_000;
const BYTES: usize = 8 << 20;
/// More lines are asked for when fewer than this are left beyond what is seen.
const MARGIN: u64 = 400;
/// The number of the first line that ever came: older ones have smaller numbers.
const FIRST: u64 = 1 << 40;

/// How the time of a line is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Stamps {
    #[default]
    Off,
    Absolute,
    Relative,
}

impl Stamps {
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Off => Self::Absolute,
            Self::Absolute => Self::Relative,
            Self::Relative => Self::Off,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Absolute => "absolute",
            Self::Relative => "relative",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) pattern: String,
    pub(crate) regex: Regex,
    /// All matches, and which of them was found last, counted from 1.
    pub(crate) count: Option<(u64, u64)>,
}

/// What is shown of which log, and where in it the cursor is.
#[derive(Debug)]
pub(crate) struct Spot {
    source: Source,
    filter: Filter,
    about: Option<Subject>,
    search: Option<Search>,
    /// The stamp of the line with the cursor, unless it goes on with the log.
    stamp: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Pane {
    pub(crate) source: Source,
    pub(crate) filter: Filter,
    /// What the filter's pattern stands for, if nobody has typed it.
    pub(crate) about: Option<Subject>,
    epoch: u64,
    lines: VecDeque<Line>,
    bytes: usize,
    /// The number of the first one.
    base: u64,
    begins: bool,
    /// What is written is added here.
    ends: bool,
    /// Lines up to this stamp are here already when they are told to be new.
    known: u64,
    /// The answer to `Open` is not there yet.
    pub(crate) opening: bool,
    asked: Option<Direction>,
    pub(crate) finding: bool,
    pub(crate) follow: bool,
    /// Numbers of lines: the first that is seen, the one with the cursor, and where marking began.
    pub(crate) top: u64,
    pub(crate) cursor: u64,
    pub(crate) mark: Option<u64>,
    /// Written while the window stood still.
    pub(crate) fresh: u64,
    pub(crate) wrap: bool,
    pub(crate) stamps: Stamps,
    pub(crate) search: Option<Search>,
    /// Stamps of lines that are shown at length.
    pub(crate) opened: BTreeSet<u64>,
}

impl Pane {
    pub(crate) fn new() -> Self {
        Self {
            source: Source::All,
            filter: Filter::default(),
            about: None,
            epoch: 0,
            lines: VecDeque::new(),
            bytes: 0,
            base: FIRST,
            begins: true,
            ends: true,
            known: 0,
            opening: false,
            asked: None,
            finding: false,
            follow: true,
            top: FIRST,
            cursor: FIRST,
            mark: None,
            fresh: 0,
            wrap: false,
            stamps: Stamps::Off,
            search: None,
            opened: BTreeSet::new(),
        }
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Line> {
        self.lines.get(usize::try_from(number.checked_sub(self.base)?).ok()?)
    }

    /// The lines from a number on.
    pub(crate) fn from(&self, number: u64) -> impl Iterator<Item = (u64, &Line)> {
        let skipped = usize::try_from(number.saturating_sub(self.base)).unwrap_or(usize::MAX);
        (self.base + skipped as u64..).zip(self.lines.iter().skip(skipped))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(crate) fn first(&self) -> u64 {
        self.base
    }

    pub(crate) fn last(&self) -> u64 {
        self.base + (self.lines.len() as u64).saturating_sub(1)
    }

    /// Another log, or another place in it.
    pub(crate) fn open(&mut self, at: At) -> Request {
        self.epoch += 1;
        self.opening = true;
        (self.asked, self.finding) = (None, false);
        let (source, filter) = (self.source.clone(), self.filter.clone());
        Request::Open { epoch: self.epoch, source, filter, at }
    }

    /// Another source or filter: the latest lines of that.
    pub(crate) fn reopen(&mut self) -> Request {
        self.follow = true;
        self.mark = None;
        let request = self.open(At::End);
        self.clear();
        request
    }

    /// Only lines that match, or all.
    pub(crate) fn set_only(&mut self, only: Option<String>) -> Request {
        (self.filter.only, self.about) = (only, None);
        self.reopen()
    }

    pub(crate) fn spot(&self) -> Spot {
        let here = self.get(self.cursor).filter(|_| !self.follow);
        Spot {
            source: self.source.clone(),
            filter: self.filter.clone(),
            about: self.about,
            search: self.search.clone(),
            stamp: here.map(|line| line.stamp),
        }
    }

    /// Takes up again what was left.
    pub(crate) fn resume(&mut self, spot: Spot) -> Option<Request> {
        let Spot { source, filter, about, search, stamp } = spot;
        let is_same = (&self.source, &self.filter) == (&source, &filter) && !self.opening;
        (self.source, self.filter, self.about, self.search) = (source, filter, about, search);
        match stamp {
            Some(stamp) if is_same => self.go(stamp),
            Some(stamp) => {
                (self.follow, self.mark) = (false, None);
                let request = self.open(At::Around(stamp));
                self.clear();
                Some(request)
            }
            None if is_same => self.go_to_end(),
            None => Some(self.reopen()),
        }
    }

    fn clear(&mut self) {
        self.lines.clear();
        self.bytes = 0;
        self.base = FIRST;
        (self.top, self.cursor) = (FIRST, FIRST);
        (self.begins, self.ends, self.fresh, self.known) = (true, true, 0, 0);
    }

    /// Takes what the reader says; answers with what is to be asked next.
    pub(crate) fn take(&mut self, answer: Answer) -> Option<Request> {
        match answer {
            Answer::Opened { epoch, at, lines, begins, ends } if epoch == self.epoch => {
                let known = lines.last().map_or(0, |line| line.stamp);
                self.clear();
                self.opening = false;
                lines.into_iter().for_each(|line| self.push(line));
                (self.begins, self.ends, self.known) = (begins, ends, if ends { known } else { 0 });
                self.cursor = match at {
                    At::Begin => self.first(),
                    At::End => self.last(),
                    At::Around(stamp) => {
                        let after = self.lines.partition_point(|line| line.stamp < stamp) as u64;
                        (self.base + after).min(self.last())
                    }
                };
                self.top = self.cursor.saturating_sub(MARGIN).max(self.first());
                self.follow = at == At::End;
                if matches!(at, At::Around(_)) {
                    // In the middle, if there is room.
                    self.top = self.cursor.saturating_sub(8).max(self.first());
                    return self.count();
                }
            }
            Answer::Older { epoch, lines, begins } if epoch == self.epoch => {
                self.asked = None;
                self.begins = begins;
                for line in lines.into_iter().rev() {
                    self.bytes += line.text.len();
                    self.base -= 1;
                    self.lines.push_front(line);
                }
                while (self.lines.len() > LINES || self.bytes > BYTES) && self.last() > self.cursor + MARGIN {
                    self.drop_last();
                }
            }
            Answer::Newer { epoch, lines, ends } if epoch == self.epoch => {
                self.asked = None;
                let last = self.lines.back().map_or(0, |line| line.stamp);
                lines.into_iter().filter(|line| line.stamp > last).for_each(|line| self.push(line));
                self.ends = ends;
                if ends {
                    self.known = self.lines.back().map_or(0, |line| line.stamp);
                    self.fresh = 0;
                }
            }
            Answer::Written { epoch, lines, count, skipped } if epoch == self.epoch && !self.opening => {
                self.written(lines, count, skipped);
            }
            Answer::Found { epoch, stamp, direction: _ } if epoch == self.epoch => {
                self.finding = false;
                return self.go(stamp?);
            }
            Answer::Counted { epoch, pattern, count, before } if epoch == self.epoch => {
                if let Some(search) = self.search.as_mut().filter(|search| search.regex.as_str() == pattern) {
                    search.count = Some((count, before + 1));
                }
            }
            Answer::Opened { .. }
            | Answer::Older { .. }
            | Answer::Newer { .. }
            | Answer::Written { .. }
            | Answer::Found { .. }
            | Answer::Counted { .. }
            | Answer::Mentioned { .. }
            | Answer::Saved { .. }
            | Answer::Errors(_) => {}
        }
        None
    }

    fn written(&mut self, lines: Vec<Line>, count: u64, skipped: bool) {
        if !self.follow {
            self.fresh += count;
            let has_room = self.lines.len() + lines.len() < LINES && self.bytes < BYTES;
            self.ends &= !skipped && has_room;
            if !self.ends {
                return;
            }
        } else if skipped {
            let fresh = self.fresh;
            let marked = self.lines.len() as u64;
            // The numbers rise, so that nothing that is seen seems to stand still.
            let base = self.base + marked;
            self.clear();
            self.base = base;
            (self.begins, self.fresh) = (false, fresh);
        }
        let known = self.known;
        lines.into_iter().filter(|line| line.stamp > known).for_each(|line| self.push(line));
    }

    fn push(&mut self, line: Line) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
        while self.lines.len() > LINES || self.bytes > BYTES {
            if !self.follow && self.top <= self.base + MARGIN && self.lines.len() > 1 {
                self.drop_last();
                return;
            }
            let Some(line) = self.lines.pop_front() else { return };
            self.bytes -= line.text.len();
            self.base += 1;
            self.begins = false;
        }
    }

    fn drop_last(&mut self) {
        if let Some(line) = self.lines.pop_back() {
            self.bytes -= line.text.len();
            self.ends = false;
        }
    }

    /// Puts the cursor on the line with this stamp, wherever that is.
    fn go(&mut self, stamp: u64) -> Option<Request> {
        let is_here = self.lines.front().is_some_and(|line| line.stamp <= stamp)
            && self.lines.back().is_some_and(|line| line.stamp >= stamp);
        if !is_here {
            return Some(self.open(At::Around(stamp)));
        }
        let index = self.lines.iter().position(|line| line.stamp >= stamp).unwrap_or_default();
        self.cursor = self.base + index as u64;
        self.follow = false;
        self.count()
    }

    fn count(&self) -> Option<Request> {
        let pattern = self.search.as_ref()?.regex.as_str().to_owned();
        let before = self.get(self.cursor).map_or(u64::MAX, |line| line.stamp);
        Some(Request::Count { epoch: self.epoch, pattern, before })
    }

    /// Looks for the next line of a kind.
    pub(crate) fn find(&mut self, wanted: Wanted, direction: Direction, from_end: bool) -> Request {
        self.finding = true;
        let here = self.get(self.cursor).map(|line| line.stamp);
        let from = match here {
            Some(stamp) if !from_end => stamp,
            // The line at the end counts, too.
            Some(_) | None => u64::MAX,
        };
        Request::Find { epoch: self.epoch, wanted, from, direction }
    }

    /// Moves the cursor; whoever goes up wants things to stand still, whoever arrives at the end wants to go on.
    pub(crate) fn step(&mut self, by: i64) {
        if self.lines.is_empty() {
            return;
        }
        let to = self.cursor.saturating_add_signed(by).clamp(self.first(), self.last());
        let at_end = to == self.last() && self.ends;
        if by < 0 {
            self.follow = false;
        } else if at_end {
            self.set_follow();
        }
        self.cursor = to;
    }

    /// Moves what is seen, the cursor with it.
    pub(crate) fn scroll(&mut self, by: i64, rows: &dyn Fn(&Line) -> usize, height: usize) {
        let before = self.top;
        self.top = self.top.saturating_add_signed(by).clamp(self.first(), self.last());
        let moved = self.top.cast_signed().wrapping_sub(before.cast_signed());
        if by < 0 {
            self.follow = false;
            self.cursor = self.cursor.saturating_add_signed(moved);
            if moved == 0 {
                self.cursor = self.cursor.saturating_add_signed(by).max(self.first());
            }
        } else {
            self.cursor = self.cursor.saturating_add_signed(by).min(self.last());
            if self.cursor == self.last() && self.ends {
                self.set_follow();
            }
        }
        self.settle(rows, height);
    }

    fn set_follow(&mut self) {
        self.follow = true;
        self.mark = None;
        self.fresh = 0;
    }

    pub(crate) fn pause(&mut self) {
        self.follow = false;
    }

    /// To the end, and on with it.
    pub(crate) fn go_to_end(&mut self) -> Option<Request> {
        self.set_follow();
        self.cursor = self.last();
        (!self.ends).then(|| self.open(At::End))
    }

    pub(crate) fn go_to_begin(&mut self) -> Option<Request> {
        self.follow = false;
        self.cursor = self.first();
        (!self.begins).then(|| self.open(At::Begin))
    }

    /// Brings what is seen and the cursor together, in a space of so many rows; `rows` tells how many a line takes.
    pub(crate) fn settle(&mut self, rows: &dyn Fn(&Line) -> usize, height: usize) {
        if self.lines.is_empty() || height == 0 {
            return;
        }
        if self.follow {
            self.cursor = self.last();
        }
        self.cursor = self.cursor.clamp(self.first(), self.last());
        let least = self.top_for(self.cursor, rows, height);
        let most = self.top_for(self.last(), rows, height);
        let top = if self.follow { most } else { self.top };
        self.top = top.clamp(least, self.cursor).min(most.max(least));
    }

    /// The first line that can be seen if this one is the last.
    fn top_for(&self, last: u64, rows: &dyn Fn(&Line) -> usize, height: usize) -> u64 {
        let (mut top, mut used) = (last, 0);
        loop {
            let Some(line) = self.get(top) else { return last };
            used += rows(line);
            if used > height {
                return (top + 1).min(last);
            }
            if top == self.first() {
                return top;
            }
            top -= 1;
        }
    }

    /// What is missing beyond the window, if it is needed soon.
    pub(crate) fn missing(&mut self) -> Option<Request> {
        if self.asked.is_some() || self.opening {
            return None;
        }
        let (first, last) = (self.lines.front()?.stamp, self.lines.back()?.stamp);
        let epoch = self.epoch;
        // Whoever follows needs only what fills the screen: what flies past is not read in vain.
        let margin = if self.follow { 1 } else { MARGIN };
        if !self.begins && self.top < self.first() + margin {
            self.asked = Some(Direction::Older);
            return Some(Request::Older { epoch, before: first });
        }
        if !self.ends && !self.follow && self.cursor + MARGIN > self.last() {
            self.asked = Some(Direction::Newer);
            return Some(Request::Newer { epoch, after: last });
        }
        None
    }

    /// The lines from the mark to the cursor, or the one with the cursor.
    pub(crate) fn selected(&self) -> impl Iterator<Item = &Line> {
        let (from, to) = self.selection();
        self.from(from).map(|(_, line)| line).take(usize::try_from(to - from + 1).unwrap_or(usize::MAX))
    }

    pub(crate) fn selection(&self) -> (u64, u64) {
        let mark = self.mark.unwrap_or(self.cursor).clamp(self.first(), self.last());
        (mark.min(self.cursor), mark.max(self.cursor))
    }

    /// Bytes that the lines take here.
    pub(crate) fn memory(&self) -> usize {
        self.bytes + self.lines.capacity() * size_of::<Line>()
    }
}

#[cfg(test)]
mod tests;
