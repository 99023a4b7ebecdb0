//! Edges as a table, those that differ marked.

use super::{Line, Style, Tone, cell};
use crate::{
    graph::{Edge, Graph, Hop, Verdict},
    moment::Stamp,
};

const NUMBERS: [&str; 5] = ["count", "errors", "p50", "p99", "last"];
const NUMBER: usize = 9;

/// An edge a line, in groups; below them what differs, in words.
#[must_use]
pub fn graph(graph: &Graph, style: Style) -> Vec<Line> {
    let widest = |name: &dyn Fn(&Edge) -> String| {
        graph.edges.iter().map(|edge| cell::width(&name(edge))).max().unwrap_or(4).clamp(4, 24)
    };
    let columns = (widest(&|edge| (style.clean)(&edge.from)), widest(&|edge| (style.clean)(&edge.to)));
    let mut lines = Vec::new();
    for (hop, name) in
        [(Hop::Call, "calls"), (Hop::Query, "databases"), (Hop::Publish, "published"), (Hop::Consume, "consumed")]
    {
        let edges: Vec<&Edge> = graph.edges.iter().filter(|edge| edge.hop == hop).collect();
        if edges.is_empty() {
            continue;
        }
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(head(name, graph, columns, style));
        lines.extend(edges.into_iter().map(|edge| line(edge, columns, style)));
    }
    lines.extend(differences(graph, style));
    for missing in &graph.missing {
        lines.push(Line::of([(Tone::Warning, format!("no {}: {}", missing.what, (style.clean)(&missing.why)))]));
    }
    lines.into_iter().map(|line| line.fit(style)).collect()
}

fn head(name: &str, graph: &Graph, columns: (usize, usize), style: Style) -> Line {
    let names = cell::left(name, columns.0 + columns.1 + 8, style.ascii);
    let numbers: String = NUMBERS.iter().map(|name| cell::right(name, NUMBER, style.ascii)).collect();
    Line::of([
        (Tone::Strong, names),
        (Tone::Quiet, if graph.edges.iter().any(|edge| edge.used.is_some()) { numbers } else { String::new() }),
    ])
}

fn line(edge: &Edge, (from, to): (usize, usize), style: Style) -> Line {
    let (tone, sign) = match edge.verdict {
        Verdict::Fine => (Tone::Quiet, " "),
        Verdict::Undeclared => (Tone::Warning, style.pick("≠", "!")),
        Verdict::Unused => (Tone::Quiet, style.pick("∅", "0")),
    };
    let mut pieces = vec![
        (tone, format!("{sign} ")),
        (Tone::Name, cell::left(&(style.clean)(&edge.from), from, style.ascii)),
        (Tone::Quiet, style.pick(" ──> ", " --> ").to_owned()),
        (Tone::Name, cell::left(&(style.clean)(&edge.to), to + 1, style.ascii)),
    ];
    if let Some(used) = &edge.used {
        let text = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
        let numbers = [
            text(used.count.map(|count| count.to_string())),
            text(used.errors.map(|errors| errors.to_string())),
            text(used.p50.map(|took| took.to_string())),
            text(used.p99.map(|took| took.to_string())),
            text(used.last.map(|last| Stamp::clock(last)[..8].to_owned())),
        ];
        let cells: String = numbers.iter().map(|number| cell::right(number, NUMBER, style.ascii)).collect();
        let failed = used.errors.is_some_and(|errors| errors > 0);
        pieces.push((if failed { Tone::Bad } else { Tone::Plain }, cells));
        if let Some(lag) = used.lag {
            let (tone, text) = if lag > 0 {
                (Tone::Warning, format!("  {lag} behind"))
            } else {
                (Tone::Quiet, "  up to date".to_owned())
            };
            pieces.push((tone, text));
        }
    }
    Line::of(pieces)
}

fn differences(graph: &Graph, style: Style) -> Vec<Line> {
    let count = |verdict| graph.edges.iter().filter(|edge| edge.verdict == verdict).count();
    let (undeclared, unused) = (count(Verdict::Undeclared), count(Verdict::Unused));
    let mut lines = Vec::new();
    if undeclared > 0 {
        let sign = style.pick("≠", "!");
        lines.push(Line::of([(Tone::Warning, format!("{sign} {undeclared} that nobody declared"))]));
    }
    if unused > 0 {
        let sign = style.pick("∅", "0");
        lines.push(Line::of([(Tone::Quiet, format!("{sign} {unused} declared that were never seen in use"))]));
    }
    if !lines.is_empty() {
        lines.insert(0, Line::default());
    } else if graph.observed {
        lines.extend([Line::default(), Line::plain("what is declared is what is used")]);
    }
    lines
}
