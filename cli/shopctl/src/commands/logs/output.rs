//! Lines on their way to stdout: filtered, the last ones of each resource picked, as text or JSON.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, BufWriter, Stdout, Write as _},
};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;
use serde_json::{json, value::RawValue};
use shopctl_runtime::log::{Entry, History, Stream};
use shopctl_tui::text::grouped;

use super::{event, filter::Filter};
use crate::{
    args::{Global, Level, Logs},
    lines::{Painter, Style, exact_clock},
    printer,
};

pub(super) struct Output {
    filter: Filter,
    tail: Option<Tail>,
    printer: Printer,
    followed: bool,
}

/// The last lines of each resource, until all are known.
struct Tail {
    lines: usize,
    kept: BTreeMap<String, VecDeque<Kept>>,
}

struct Kept {
    stamp: u64,
    stream: Stream,
    text: Vec<u8>,
    left_out: usize,
}

impl Output {
    pub(super) fn new(global: &Global, args: &Logs, names: &[String], filter: Filter) -> Self {
        let colours = !args.no_color && AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        let style = Style { timestamps: args.timestamps, colours };
        let printer = Printer {
            painter: Painter::new(names.iter().map(String::as_str), style),
            json: global.json,
            only_matches: !filter.takes_all(),
            out: BufWriter::with_capacity(64 << 10, io::stdout()),
        };
        let tail = args.tail.map(|lines| Tail { lines, kept: BTreeMap::new() });
        Self { filter, tail, printer, followed: false }
    }

    pub(super) fn takes_all(&self) -> bool {
        self.filter.takes_all()
    }

    /// Prints what there is so far.
    pub(super) fn read(&mut self, history: &mut History) -> io::Result<()> {
        // The filter looks for lines while it judges them.
        let Self { filter, tail, printer, .. } = self;
        let filter = std::cell::RefCell::new(filter);
        history.read(&|block| filter.borrow().find(block), &mut |resource, entry| {
            take(*filter.borrow_mut(), tail, printer, resource, entry)
        })?;
        printer.out.flush()
    }

    /// Prints also what only is a line because nothing follows.
    pub(super) fn finish(&mut self, history: &mut History) -> io::Result<()> {
        let Self { filter, tail, printer, .. } = self;
        history.finish(&mut |resource, entry| take(filter, tail, printer, resource, entry))?;
        self.print_tail()
    }

    /// From here on every line counts.
    pub(super) fn go_on(&mut self) -> io::Result<()> {
        self.followed = true;
        self.print_tail()
    }

    pub(super) fn followed(&self) -> bool {
        self.followed
    }

    fn print_tail(&mut self) -> io::Result<()> {
        let kept = self.tail.take().map(|tail| tail.kept).unwrap_or_default();
        let lines = kept.into_iter().flat_map(|(name, lines)| lines.into_iter().map(move |line| (name.clone(), line)));
        let mut lines: Vec<_> = lines.collect();
        lines.sort_by_key(|(_, line)| line.stamp);
        for (resource, Kept { stamp, stream, text, left_out }) in &lines {
            let entry = Entry::Line { stamp: *stamp, stream: *stream, text, left_out: *left_out };
            self.printer.print(resource, entry)?;
        }
        self.printer.out.flush()
    }
}

fn take(
    filter: &mut Filter,
    tail: &mut Option<Tail>,
    printer: &mut Printer,
    resource: &str,
    entry: Entry<'_>,
) -> io::Result<()> {
    let (Entry::Line { stamp, stream, text, left_out }, Some(tail)) = (entry, &mut *tail) else {
        return match entry {
            Entry::Line { stream, text, .. } if !filter.passes(resource, stream, text) => Ok(()),
            // Where the last lines are asked for, nobody asks for the first.
            Entry::Lost { .. } if tail.is_some() => Ok(()),
            entry => printer.print(resource, entry),
        };
    };
    if tail.lines > 0 && filter.passes(resource, stream, text) {
        let kept = match tail.kept.get_mut(resource) {
            Some(kept) => kept,
            None => tail.kept.entry(resource.to_owned()).or_default(),
        };
        if kept.len() == tail.lines {
            kept.pop_front();
        }
        kept.push_back(Kept { stamp, stream, text: text.to_owned(), left_out });
    }
    Ok(())
}

struct Printer {
    painter: Painter,
    json: bool,
    /// Somebody may count the lines: nothing else belongs among them.
    only_matches: bool,
    /// Coloured or not by the painter: a stripping stream under a buffer moves the buffer once for every line.
    out: BufWriter<Stdout>,
}

/// A line for programs.
#[derive(Serialize)]
struct Shown<'a> {
    resource: &'a str,
    time: String,
    stream: Stream,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    /// The line if it is an object, as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<&'a RawValue>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<usize>,
}

impl Printer {
    fn print(&mut self, resource: &str, entry: Entry<'_>) -> io::Result<()> {
        match entry {
            Entry::Line { stamp, stream, text: bytes, left_out } => {
                let text = String::from_utf8_lossy(bytes);
                if self.json {
                    let json = text.starts_with('{').then(|| serde_json::from_str(&text).ok()).flatten();
                    let shown = Shown {
                        resource,
                        time: exact_clock(stamp),
                        stream,
                        level: event::level(bytes).map(name),
                        text: json.is_none().then_some(&text),
                        json,
                        left_out: (left_out > 0).then_some(left_out),
                    };
                    serde_json::to_writer(&mut self.out, &shown)?;
                    return writeln!(self.out);
                }
                let more = if left_out > 0 { format!(" … ({left_out} bytes more)") } else { String::new() };
                let readable = event::readable(&text);
                let text = readable.as_deref().unwrap_or(&text);
                writeln!(self.out, "{}{more}", self.painter.paint(resource, stamp, text))
            }
            Entry::Lost { stamp, lines, dropped } => {
                if self.json {
                    let why = if dropped { "dropped" } else { "lost" };
                    let note = json!({ "resource": resource, "before": exact_clock(stamp), why: lines });
                    return writeln!(self.out, "{note}");
                }
                let count = grouped(lines);
                let note = if dropped {
                    format!("… {count} earlier lines dropped (a log keeps the last 256 MiB, or SHOPCTL_LOG_MIB)")
                } else {
                    format!("… {count} lines lost here (the disk was full, or the file is damaged)")
                };
                let note = self.painter.paint(resource, stamp, &note);
                if self.only_matches {
                    printer::note(note);
                    return Ok(());
                }
                writeln!(self.out, "{note}")
            }
        }
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
