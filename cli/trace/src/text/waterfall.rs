//! The spans of one trace on a shared axis of time.

use std::collections::BTreeSet;

use super::{Line, Style, Tone, cell};
use crate::{
    moment::{Stamp, Took},
    scale::Scale,
    tree::{Node, Trace},
};

/// So many equal spans in a row are shown as one.
const RUN: usize = 4;
/// Beyond this, levels are no further in.
const DEEPEST: usize = 12;
const SERVICE: usize = 14;
const TOOK: usize = 9;
/// A sign on each side of a bar.
const SIGNS: usize = 2;
/// Columns of an idle time that is shortened.
const GAP: u64 = 5;
/// What a bar has at least.
const BAR: usize = 8;

/// What is shown in one row.
#[derive(Debug)]
enum Row<'a> {
    One(&'a Node),
    /// Siblings without children that differ in nothing but their time.
    Run(&'a [Node]),
}

/// Columns and their widths.
struct Columns {
    service: usize,
    operation: usize,
    bar: usize,
}

/// A head line, the axis, a row for each span (and for what went wrong in it), and what the signs mean.
#[must_use]
pub fn waterfall(trace: &Trace, style: Style) -> Vec<Line> {
    let rows = rows(&trace.spans, style.verbose);
    let columns = Columns::of(&rows, style);
    let scale = Scale::new(trace, columns.bar as u64, GAP);
    let mut lines = vec![head(trace, style), axis(trace, &scale, &columns, style)];
    for row in &rows {
        lines.push(row.line(&scale, &columns, style));
        lines.extend(row.troubles(&columns, style));
    }
    lines.extend(legend(&rows, &scale, style));
    lines.into_iter().map(|line| line.fit(style)).collect()
}

fn rows(spans: &[Node], verbose: bool) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut at = 0;
    while let Some(first) = spans.get(at) {
        let alike = |other: &&Node| {
            other.parent == first.parent
                && other.children.is_empty()
                && (&other.span.service, &other.span.name, other.span.kind)
                    == (&first.span.service, &first.span.name, first.span.kind)
                && other.span.error.is_none()
                && other.span.retry().is_none()
                && other.queued.is_none()
        };
        let run = spans[at..].iter().take_while(alike).count();
        if run >= RUN && !verbose {
            rows.push(Row::Run(&spans[at..at + run]));
            at += run;
        } else {
            rows.push(Row::One(first));
            at += 1;
        }
    }
    rows
}

impl Columns {
    fn of(rows: &[Row<'_>], style: Style) -> Self {
        let widest = |text: &dyn Fn(&Row<'_>) -> String| {
            rows.iter().map(|row| cell::width(&text(row))).max().unwrap_or_default()
        };
        let service = widest(&|row| (style.clean)(&row.first().span.service)).clamp(7, SERVICE);
        // A blank behind each column.
        let left = style.width.saturating_sub(service + TOOK + SIGNS + 5);
        let operation =
            widest(&|row| row.operation(style)).max(9).min((left / 2).max(left.saturating_sub(BAR).min(24)));
        Self { service, operation, bar: left.saturating_sub(operation) }
    }
}

/// Which trace it is, and what it began with.
pub(super) fn head(trace: &Trace, style: Style) -> Line {
    let count = trace.spans.len();
    let spans = if count == 1 { "1 span".to_owned() } else { format!("{count} spans") };
    let root = trace.spans.first().map(|root| {
        let of = if root.orphan { ", below a span that is not here" } else { "" };
        format!(", {}: {}{of}", (style.clean)(&root.span.service), (style.clean)(&root.span.name))
    });
    Line::of([
        (Tone::Strong, format!("trace {}", trace.id)),
        (Tone::Quiet, format!("  {}, {} from {}{}", spans, trace.took, trace.began.clock(), root.unwrap_or_default())),
    ])
}

fn axis(trace: &Trace, scale: &Scale, columns: &Columns, style: Style) -> Line {
    let end = trace.took.to_string();
    let mut marks: Vec<(usize, String)> =
        scale.begins().map(|(at, moment)| (column(at), moment.since(trace.began).to_string())).collect();
    if marks.len() == 1 {
        let middle = Took(trace.took.0 / 2).to_string();
        marks.push(((columns.bar / 2).saturating_sub(cell::width(&middle) / 2), middle));
    }
    for (from, to, _) in scale.gaps() {
        marks.push((column(from + (to - from) / 2), style.pick("⋯", "~").to_owned()));
    }
    marks.sort();
    let mut ruler = String::new();
    let room = columns.bar.saturating_sub(cell::width(&end));
    for (at, text) in marks {
        let used = cell::width(&ruler);
        // What would stand upon another one is left out.
        if (used == 0 || at > used) && at + cell::width(&text) < room {
            ruler.push_str(&" ".repeat(at - used));
            ruler.push_str(&text);
        }
    }
    let names = format!(
        "  {} {} {} ",
        cell::left("service", columns.service, style.ascii),
        cell::left("operation", columns.operation, style.ascii),
        cell::right("took", TOOK, style.ascii),
    );
    let rest = columns.bar.saturating_sub(cell::width(&ruler));
    Line::of([(Tone::Quiet, format!("{names} {ruler}{}", cell::right(&end, rest, style.ascii)))])
}

fn column(place: u64) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

impl Row<'_> {
    fn first(&self) -> &Node {
        match self {
            Self::One(node) => node,
            // Never without one.
            Self::Run(nodes) => &nodes[0],
        }
    }

    fn nodes(&self) -> &[Node] {
        match self {
            Self::One(node) => std::slice::from_ref(node),
            Self::Run(nodes) => nodes,
        }
    }

    fn operation(&self, style: Style) -> String {
        let node = self.first();
        let indent = "  ".repeat(node.depth.min(DEEPEST));
        let name = (style.clean)(&node.span.name);
        match self {
            Self::Run(nodes) => format!("{indent}{name} {}{}", style.pick("×", "x"), nodes.len()),
            Self::One(node) => match node.span.retry() {
                Some((attempt, _)) => format!("{indent}{name} (attempt {attempt})"),
                None if node.span.is_redelivery() => format!("{indent}{name} (known already)"),
                None => format!("{indent}{name}"),
            },
        }
    }

    fn is_critical(&self) -> bool {
        self.nodes().iter().any(|node| node.critical.is_some())
    }

    /// In a run each may end before the next begins.
    fn is_parallel(&self) -> bool {
        self.nodes().iter().any(|node| node.parallel)
    }

    fn line(&self, scale: &Scale, columns: &Columns, style: Style) -> Line {
        let node = self.first();
        let failed = node.span.error.is_some();
        let took = Took(self.nodes().iter().map(|node| node.took.0).sum());
        let name = (style.clean)(&node.span.service);
        let (tone, sign) = match (failed, self.is_parallel()) {
            (true, _) => (Tone::Bad, style.pick("✗", "!")),
            (false, true) => (Tone::Quiet, style.pick("∥", "|")),
            (false, false) => (Tone::Quiet, " "),
        };
        let operation = cell::left(&self.operation(style), columns.operation, style.ascii);
        let mut pieces = vec![
            (tone, format!("{sign} ")),
            (Tone::Name, cell::left(&name, columns.service, style.ascii)),
            (if failed { Tone::Bad } else { Tone::Plain }, format!(" {operation} ")),
            (Tone::Plain, cell::right(&took.to_string(), TOOK, style.ascii)),
            (Tone::Plain, "  ".to_owned()),
        ];
        pieces.extend(self.bar(scale, columns.bar, style));
        Line::of(pieces)
    }

    fn bar(&self, scale: &Scale, columns: usize, style: Style) -> Vec<(Tone, String)> {
        let nodes = self.nodes();
        let start = self.first().span.start;
        let end = nodes.iter().map(|node| node.span.end).max().unwrap_or_default();
        let place = |moment: Stamp| column(scale.place(moment));
        let from = place(start).min(columns.saturating_sub(1));
        // Also what took next to nothing is to be seen.
        let to = place(end).clamp(from + 1, columns.max(from + 1));
        let queue = self.first().queued.map_or(from, |queued| place(Stamp(start.0.saturating_sub(queued.0)))).min(from);
        let (tone, sign) = match (self.first().span.error.is_some(), self.is_critical()) {
            (true, _) => (Tone::Bad, style.pick("━", "#")),
            (false, true) => (Tone::Critical, style.pick("━", "#")),
            (false, false) => (Tone::Bar, style.pick("─", "=")),
        };
        vec![
            (Tone::Plain, " ".repeat(queue)),
            (Tone::Queue, style.pick("┄", ".").repeat(from - queue)),
            (tone, sign.repeat(to - from)),
        ]
    }

    /// What went wrong, why it was tried again, and how long it lay in a queue.
    fn troubles(&self, columns: &Columns, style: Style) -> Vec<Line> {
        let Self::One(node) = self else { return Vec::new() };
        let before = columns.service + 3 + 2 * (node.depth.min(DEEPEST) + 1);
        let line = |tone, sign: &str, text: &str| {
            Line::of([(tone, format!("{}{sign} {}", " ".repeat(before), (style.clean)(text)))])
        };
        let mut lines = Vec::new();
        if let Some((_, Some(reason))) = node.span.retry() {
            lines.push(line(Tone::Warning, style.pick("↻", "retry:"), reason));
        }
        if let Some(error) = node.span.error.as_deref() {
            let error = if error.is_empty() { "it failed, and does not say why" } else { error };
            lines.push(line(Tone::Bad, style.pick("✗", "error:"), error));
        }
        if let Some(queued) = node.queued.filter(|queued| queued.0 > 0) {
            lines.push(line(Tone::Queue, style.pick("┄", "."), &format!("{queued} in the queue")));
        }
        lines
    }
}

fn legend(rows: &[Row<'_>], scale: &Scale, style: Style) -> Option<Line> {
    let mut told = BTreeSet::new();
    for row in rows {
        let failed = row.first().span.error.is_some();
        told.insert(if failed || row.is_critical() { (0, "critical path") } else { (1, "beside it") });
        if row.is_parallel() && !failed {
            told.insert((2, "beside a sibling"));
        }
        if row.first().queued.is_some_and(|queued| queued.0 > 0) {
            told.insert((3, "in the queue"));
        }
    }
    let sign = |at| match at {
        0 => style.pick("━", "#"),
        1 => style.pick("─", "="),
        2 => style.pick("∥", "|"),
        _ => style.pick("┄", "."),
    };
    let idle: Vec<String> = scale.gaps().map(|(_, _, took)| took.to_string()).collect();
    let idle =
        (!idle.is_empty()).then(|| format!("{} {} in which nothing was done", style.pick("⋯", "~"), idle.join(", ")));
    let words: Vec<String> = told.iter().map(|(at, word)| format!("{} {word}", sign(*at))).chain(idle).collect();
    // What is all there is needs no explanation.
    (words.len() > 1).then(|| Line::of([(Tone::Quiet, format!("  {}", words.join("   ")))]))
}
