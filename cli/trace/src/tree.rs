//! Spans put together to the trees that they were.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::{
    moment::{Stamp, Took},
    path,
    span::{Kind, Span},
};

/// All that is known of one trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// 32 hexadecimal digits.
    pub id: String,
    pub began: Stamp,
    pub took: Took,
    /// Roots by their start, each followed by all below it.
    pub spans: Vec<Node>,
}

/// A span in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    #[serde(flatten)]
    pub span: Span,
    pub took: Took,
    /// Levels below its root.
    pub depth: usize,
    /// Its parent's place in the list.
    #[serde(skip)]
    pub parent: Option<usize>,
    #[serde(skip)]
    pub children: Vec<usize>,
    /// It names a parent that is not there: sampled away, dropped, or of a program that reports to somebody else.
    pub orphan: bool,
    /// Between the end of its publishing and its start.
    pub queued: Option<Took>,
    /// How long the trace's end waited for this span's own work; null where it never did.
    pub critical: Option<Took>,
    /// Another one below the same parent ran at the same time.
    pub parallel: bool,
}

/// The first words of statements that change rows.
const CHANGES: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "MERGE"];

impl Trace {
    /// Whether anything was changed, published, consumed or went wrong in it: all else only asked.
    #[must_use]
    pub fn has_effect(&self) -> bool {
        self.spans.iter().any(|Node { span, .. }| {
            let changes = || CHANGES.iter().any(|word| span.name.starts_with(word));
            matches!(span.kind, Kind::Producer | Kind::Consumer) || span.error.is_some() || changes()
        })
    }
}

/// The traces that these spans are of, by the time of their beginnings. A span that comes twice counts once.
#[must_use]
pub fn traces(spans: Vec<Span>) -> Vec<Trace> {
    let mut by_trace: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for span in spans {
        if seen.insert((span.trace.clone(), span.id.clone())) {
            by_trace.entry(span.trace.clone()).or_default().push(span);
        }
    }
    let mut traces: Vec<Trace> = by_trace.into_iter().map(|(id, spans)| trace(id, spans)).collect();
    traces.sort_by(|a, b| (a.began, &a.id).cmp(&(b.began, &b.id)));
    traces
}

fn trace(id: String, mut spans: Vec<Span>) -> Trace {
    // Also the order among equals must not depend on who reported first.
    spans.sort_by(|a, b| (a.start, b.end, &a.id).cmp(&(b.start, a.end, &b.id)));
    let mut nodes = placed(spans);
    for (node, critical) in path::critical(&nodes).into_iter().enumerate() {
        nodes[node].critical = critical.map(Took);
    }
    let producers = nodes.iter().filter(|node| node.span.kind == Kind::Producer);
    let published: HashMap<String, Stamp> = producers.map(|node| (node.span.id.clone(), node.span.end)).collect();
    let queued: Vec<Option<Took>> = nodes.iter().map(|node| queued(&node.span, &published)).collect();
    nodes.iter_mut().zip(queued).for_each(|(node, queued)| node.queued = queued);
    for at in 0..nodes.len() {
        let children = nodes[at].children.clone();
        mark_parallel(&children, &mut nodes);
    }
    let roots: Vec<usize> = (0..nodes.len()).filter(|&at| nodes[at].parent.is_none()).collect();
    mark_parallel(&roots, &mut nodes);
    let began = nodes.iter().map(|node| node.span.start).min().unwrap_or_default();
    let end = nodes.iter().map(|node| node.span.end).max().unwrap_or_default();
    Trace { id, began, took: end.since(began), spans: nodes }
}

/// Depth first, siblings by their start. Whoever would be its own ancestor is a root.
fn placed(spans: Vec<Span>) -> Vec<Node> {
    let places: HashMap<&str, usize> = spans.iter().enumerate().map(|(at, span)| (span.id.as_str(), at)).collect();
    let parents: Vec<Option<usize>> = spans.iter().map(|span| places.get(span.parent.as_deref()?).copied()).collect();
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
    let mut roots = Vec::new();
    for (at, parent) in parents.iter().enumerate() {
        match parent {
            Some(parent) => below[*parent].push(at),
            None => roots.push(at),
        }
    }
    let mut order: Vec<(usize, Option<usize>, usize)> = Vec::with_capacity(spans.len());
    let mut is_placed = vec![false; spans.len()];
    // What is in a circle hangs on no root: the first of it becomes one.
    for root in roots.into_iter().chain(0..spans.len()) {
        let mut todo = vec![(root, None, 0)];
        while let Some((at, parent, depth)) = todo.pop() {
            if std::mem::replace(&mut is_placed[at], true) {
                continue;
            }
            let place = order.len();
            order.push((at, parent, depth));
            todo.extend(below[at].iter().rev().map(|&child| (child, Some(place), depth + 1)));
        }
    }
    let mut spans: Vec<Option<Span>> = spans.into_iter().map(Some).collect();
    let mut nodes: Vec<Node> = Vec::with_capacity(order.len());
    for (at, parent, depth) in order {
        let Some(span) = spans[at].take() else { continue };
        let took = span.end.since(span.start);
        let orphan = parent.is_none() && span.parent.is_some();
        if let Some(parent) = parent {
            let place = nodes.len();
            nodes[parent].children.push(place);
        }
        let children = Vec::new();
        nodes.push(Node { span, took, depth, parent, children, orphan, queued: None, critical: None, parallel: false });
    }
    nodes
}

/// Who consumes names its producer as its parent, or by a link where a parent of its own is above it.
fn queued(span: &Span, published: &HashMap<String, Stamp>) -> Option<Took> {
    let links = span.links.iter().map(|link| &link.span);
    let producer = span.parent.iter().chain(links).find_map(|id| published.get(id))?;
    (span.kind == Kind::Consumer).then(|| span.start.since(*producer))
}

/// `siblings` stand by their start.
fn mark_parallel(siblings: &[usize], nodes: &mut [Node]) {
    let mut last: Option<usize> = None;
    for &at in siblings {
        if let Some(before) = last
            && nodes[at].span.start < nodes[before].span.end
        {
            nodes[at].parallel = true;
            nodes[before].parallel = true;
        }
        if last.is_none_or(|before| nodes[before].span.end < nodes[at].span.end) {
            last = Some(at);
        }
    }
}
