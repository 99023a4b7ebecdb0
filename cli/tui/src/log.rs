//! The log that is shown: what is asked of whoever reads the log files, what he answers, and the window on them.
//!
//! A dashboard never holds more than a window of the lines. Filters and searches over everything are the reader's work:
//! he has all lines, on disk, and searches a million of them in the time of a frame or two.

mod pane;

use std::sync::Arc;

pub(crate) use pane::{Pane, Search, Spot, Stamps};

use crate::subject::Subject;

/// Of one line: of what is longer only the beginning is wanted.
pub const TEXT_BYTES: usize = 16 << 10;

/// How bad something is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    pub(crate) const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Whose lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// All of them, by time.
    #[default]
    All,
    One(String),
}

/// Which of the lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those in which this regular expression matches.
    pub only: Option<String>,
    /// Only those of this level or worse; a line without a level belongs to the one before it.
    pub level: Option<Level>,
}

/// One line, or its beginning if it is very long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Nanoseconds since 1970.
    pub stamp: u64,
    pub resource: Arc<str>,
    pub level: Option<Level>,
    pub text: String,
}

/// Which place of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Begin,
    End,
    /// The line with this stamp, with others before and after it.
    Around(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Older,
    Newer,
}

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A regular expression.
    Pattern(String),
    /// A line of level error.
    Error,
}

/// What is asked of the reader. `epoch` is that of the last `Open`: answers to an earlier one are out of date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// From now on this is the log; what is written is told as it comes.
    Open { epoch: u64, source: Source, filter: Filter, at: At },
    /// Lines before this stamp.
    Older { epoch: u64, before: u64 },
    /// Lines after this stamp.
    Newer { epoch: u64, after: u64 },
    /// The next line of this kind, from this stamp on, itself left out.
    Find { epoch: u64, wanted: Wanted, from: u64, direction: Direction },
    /// How many lines match, and how many of these lie before this stamp.
    Count { epoch: u64, pattern: String, before: u64 },
    /// The last lines of all resources from this stamp on that match: what they say about an order or a trace.
    Mentions { about: Subject, pattern: String, since: u64 },
    /// Everything that passes the filter, to this file.
    Save { source: Source, filter: Filter, path: String },
}

/// What the reader answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To `Open`. `begins`, `ends`: there is nothing before, after these.
    Opened {
        epoch: u64,
        at: At,
        lines: Vec<Line>,
        begins: bool,
        ends: bool,
    },
    Older {
        epoch: u64,
        lines: Vec<Line>,
        begins: bool,
    },
    Newer {
        epoch: u64,
        lines: Vec<Line>,
        ends: bool,
    },
    /// What was written since. `skipped`: more than is worth showing; these are only the last ones, others lie between
    /// them and what was told before.
    Written {
        epoch: u64,
        lines: Vec<Line>,
        count: u64,
        skipped: bool,
    },
    /// To `Find`: the stamp of the line.
    Found {
        epoch: u64,
        stamp: Option<u64>,
        direction: Direction,
    },
    Mentioned {
        about: Subject,
        lines: Vec<Line>,
    },
    Counted {
        epoch: u64,
        pattern: String,
        count: u64,
        before: u64,
    },
    Saved {
        path: String,
        lines: Result<u64, String>,
    },
    /// New lines of level error, of every resource that had some.
    Errors(Vec<(String, u64)>),
}
