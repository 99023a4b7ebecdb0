//! Which lines are wanted. Blocks of lines are searched as a whole, so that what is not wanted costs next to nothing.

use std::{cell::Cell, collections::BTreeMap};

use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};
use shopctl_runtime::log::Stream;

use super::event;
use crate::{
    args::{Level, Logs},
    exit::{Exit, Failure},
};

#[derive(Debug)]
pub(crate) struct Filter {
    grep: Option<Grep>,
    trace: Option<Finder<'static>>,
    level: Option<Level>,
    /// Of the last line that had one.
    levels: BTreeMap<(String, Stream), Level>,
}

impl Filter {
    pub(crate) fn new(args: &Logs) -> Result<Self, Failure> {
        let trace = args.trace.as_ref().map(|id| Finder::new(id.as_bytes()).into_owned());
        Ok(Self { trace, ..Self::of(args.grep.as_deref(), args.level)? })
    }

    /// Lines that match, of this level or worse.
    pub(crate) fn of(grep: Option<&str>, level: Option<Level>) -> Result<Self, Failure> {
        Ok(Self { grep: grep.map(Grep::new).transpose()?, trace: None, level, levels: BTreeMap::new() })
    }

    pub(crate) fn takes_all(&self) -> bool {
        self.grep.is_none() && self.trace.is_none() && self.level.is_none()
    }

    /// Where in a block of lines the first one may be that passes.
    pub(crate) fn find(&self, block: &[u8]) -> Option<usize> {
        match (self, self.level) {
            // Lines that do not pass may tell the level of those that follow.
            (_, Some(_)) => Some(0),
            (Self { trace: Some(trace), .. }, None) => trace.find(block),
            (Self { grep: Some(grep), .. }, None) => grep.find(block),
            (Self { trace: None, grep: None, .. }, None) => Some(0),
        }
    }

    pub(crate) fn passes(&mut self, resource: &str, stream: Stream, line: &[u8]) -> bool {
        if let Some(wanted) = self.level {
            let known = self.levels.iter_mut().find(|((of, on), _)| of == resource && *on == stream);
            let level = match (event::level(line), known) {
                (Some(level), Some((_, last))) => {
                    *last = level;
                    level
                }
                (Some(level), None) => {
                    self.levels.insert((resource.to_owned(), stream), level);
                    level
                }
                (None, Some((_, last))) => *last,
                (None, None) => Level::Info,
            };
            if level > wanted {
                return false;
            }
        }
        self.trace.as_ref().is_none_or(|trace| trace.find(line).is_some())
            && self.grep.as_ref().is_none_or(|grep| grep.matches(line))
    }
}

#[derive(Debug)]
struct Grep {
    /// `^` and `$` are those of lines, in a block as well as in a line alone.
    regex: Regex,
    /// How often the pattern may still begin in a line in which it does not match, because it runs over the line's end:
    /// each time may have looked at the whole block.
    patience: Cell<u32>,
}

impl Grep {
    fn new(pattern: &str) -> Result<Self, Failure> {
        let regex = RegexBuilder::new(pattern).multi_line(true).build();
        let regex = regex.map_err(|error| Failure::new(Exit::Usage, format!("--grep: {error}")))?;
        Ok(Self { regex, patience: Cell::new(if knows_only_lines(pattern) { 1000 } else { 0 }) })
    }

    fn find(&self, block: &[u8]) -> Option<usize> {
        if self.patience.get() == 0 { Some(0) } else { Some(self.regex.find(block)?.start()) }
    }

    fn matches(&self, line: &[u8]) -> bool {
        let matches = self.regex.is_match(line);
        if !matches {
            self.patience.set(self.patience.get().saturating_sub(1));
        }
        matches
    }
}

/// Whether a pattern that matches in a line also matches there in a block: it does not ask for the ends of the text.
fn knows_only_lines(pattern: &str) -> bool {
    let switches_off = |group: &str| group.find([':', ')', '<']).is_some_and(|end| group[..end].contains('-'));
    !pattern.contains("\\A") && !pattern.contains("\\z") && !pattern.split("(?").skip(1).any(switches_off)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of a block as a search finds them.
    fn found(pattern: &str, block: &str) -> Vec<String> {
        let grep = Grep::new(pattern).expect("a pattern");
        let mut rest = block.as_bytes();
        let mut lines = Vec::new();
        while let Some(at) = grep.find(rest).filter(|&at| at < rest.len()) {
            let start = rest[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            let end = rest[at..].iter().position(|&byte| byte == b'\n').map_or(rest.len(), |end| at + end);
            if grep.matches(&rest[start..end]) {
                lines.push(String::from_utf8_lossy(&rest[start..end]).into_owned());
            }
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        lines
    }

    proptest! {
        #[test]
        fn a_block_is_searched_as_if_line_by_line(
            block in "([ab ]{0,4}\n){0,12}",
            pattern in prop_oneof![
                "[ab]{1,2}", Just("^a".to_owned()), Just("b$".to_owned()), Just("^$".to_owned()), Just("a\\s+b".to_owned()),
                Just("[^a]b".to_owned()), Just("(?s)a.*b".to_owned()), Just("\\Aa".to_owned()), Just("(?-m)^b".to_owned()),
                Just("\\bab\\b".to_owned()), Just("a|$".to_owned()), Just("[^a]*".to_owned()),
            ],
        ) {
            let regex = Grep::new(&pattern).expect("a pattern").regex;
            let expected: Vec<_> = block.split_terminator('\n').filter(|line| regex.is_match(line.as_bytes())).collect();
            prop_assert_eq!(found(&pattern, &block), expected, "{}", pattern);
        }
    }
}
