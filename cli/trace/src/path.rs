//! The critical path: what the end of a trace was waiting for, from its last moment back to its first.

use crate::tree::Node;

/// When everything that came of a span was over: its own end, or a later one of what it began.
pub(crate) fn reach(nodes: &[Node]) -> Vec<u64> {
    let mut reach: Vec<u64> = nodes.iter().map(|node| node.span.end.0.max(node.span.start.0)).collect();
    // Children stand behind their parents.
    for at in (0..nodes.len()).rev() {
        if let Some(parent) = nodes[at].parent {
            reach[parent] = reach[parent].max(reach[at]);
        }
    }
    reach
}

/// For each span the nanoseconds that the trace's end waited for its own work; nothing for those that it never waited for.
pub(crate) fn critical(nodes: &[Node]) -> Vec<Option<u64>> {
    let reach = reach(nodes);
    let mut waited = vec![None; nodes.len()];
    let roots: Vec<usize> = (0..nodes.len()).filter(|&at| nodes[at].parent.is_none()).collect();
    let end = roots.iter().map(|&root| reach[root]).max().unwrap_or(0);
    let mut todo: Vec<(usize, u64)> = chain(roots, (0, end), &reach, nodes).collect();
    // Nothing before `floor` counts: a clock that goes wrong may let a span begin before its parent.
    while let Some((at, floor)) = todo.pop() {
        let (start, end) = (nodes[at].span.start.0.max(floor), nodes[at].span.end.0);
        let worked = |from: u64, to: u64| to.min(end).saturating_sub(from.max(start));
        let (mut own, mut until) = (0, reach[at]);
        for (child, begin) in chain(nodes[at].children.clone(), (floor, reach[at]), &reach, nodes) {
            own += worked(reach[child], until);
            until = begin;
            todo.push((child, begin));
        }
        waited[at] = Some(own + worked(start, until));
    }
    waited
}

/// Those of `spans` that followed each other without a choice, the last one first, each with the moment from which on it was
/// waited for: each is the last to end before the one behind it began.
fn chain<'a>(
    mut spans: Vec<usize>,
    (floor, end): (u64, u64),
    reach: &'a [u64],
    nodes: &'a [Node],
) -> impl Iterator<Item = (usize, u64)> + 'a {
    spans.sort_by_key(|&span| std::cmp::Reverse((reach[span], nodes[span].span.start)));
    let mut cursor = end;
    spans.into_iter().filter_map(move |span| {
        if reach[span] > cursor || reach[span] < floor {
            return None;
        }
        cursor = nodes[span].span.start.0.min(cursor).max(floor);
        Some((span, cursor))
    })
}
