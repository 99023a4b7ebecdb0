//! The graph with boxes and edges: who is called by nobody at the left, the other services in the middle, topics at the
//! right. Between the columns each edge has a track of its own; what leaves one box by one port shares one.

mod boxes;
mod channel;

use ratatui::{style::Style, text::Line as Row};

use self::{
    boxes::{service, stores, topic},
    channel::{Channel, Net, Pin, Side},
};
use super::canvas::Canvas;
use crate::{
    flow::{Flow, Link},
    kafka::Topic,
    model::Model,
    text::width,
};

/// Columns of a box: what its name needs, within these.
const BOX: (usize, usize) = (14, 22);
/// Columns between tracks, and those of labels: the first of these for which there is room.
const SPACES: [(usize, usize); 4] = [(3, 14), (2, 12), (2, 9), (1, 8)];

/// What a box has at its right side, from above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port<'a> {
    /// All that it calls.
    Calls,
    /// What calls it.
    CalledBy(&'a str),
    PublishesTo(&'a str),
    Reads(&'a str),
}

struct Node<'a> {
    name: &'a str,
    ports: Vec<Port<'a>>,
    top: usize,
    height: usize,
}

impl Node<'_> {
    fn bottom(&self) -> usize {
        self.top + self.height
    }

    fn row(&self, port: Port<'_>) -> Option<usize> {
        Some(self.top + 1 + self.ports.iter().position(|found| *found == port)?)
    }
}

/// The graph in so many columns; nothing if there is no room for it.
pub(super) fn drawn(model: &Model, flow: &Flow<'_>, columns: usize) -> Option<Vec<Row<'static>>> {
    if flow.calls.is_empty() && flow.topics.is_empty() {
        return None;
    }
    let mut services = middle(flow);
    let mut top = 0;
    // What reads events and is at the left is reached through a row between the boxes.
    let through: Vec<&Link> =
        flow.reads.iter().filter(|link| flow.entries.iter().any(|entry| *entry == link.to)).collect();
    for node in &mut services {
        node.top = top;
        top = node.bottom();
    }
    let rows_through: Vec<usize> = (0..through.len()).map(|index| top + index).collect();
    let height = (top + through.len()).max(1);
    let mut entries = left(flow, &through);
    let mut topics = right(flow);
    let total = [&entries, &topics].iter().flat_map(|nodes| nodes.last()).map(Node::bottom).fold(height, usize::max);
    spread(&mut entries, total);
    spread(&mut topics, total);

    let near = near_channel(model, flow, &entries, &services, &through, &rows_through);
    let far = far_channel(model, flow, &services, &topics, &through, &rows_through);
    let boxes = |nodes: &[Node<'_>]| {
        let inside = |node: &Node<'_>| {
            let stores = stores(model, node.name).map(|store| width(&store.name) + 6).max().unwrap_or_default();
            stores.max(width(node.name) + 6)
        };
        let longest = nodes.iter().map(inside).max();
        longest.map_or(0, |longest| longest.clamp(BOX.0, BOX.1))
    };
    let widths = [boxes(&entries), boxes(&services), boxes(&topics)];
    let (space, room) = SPACES.into_iter().find_map(|(space, label)| {
        let used = widths.iter().sum::<usize>() + near.width(space, label) + far.width(space, label) + 2;
        Some(((space, label), columns.checked_sub(used)?))
    })?;
    // Some of the room that is left makes the channels wider.
    let slack = (room / 3).min(8);
    let mut canvas = Canvas::new(columns, total, model.theme.ascii);
    let near_from = 1 + widths[0];
    let services_from = near_from + near.width(space.0, space.1) + if widths[0] > 0 { slack } else { 0 };
    let far_from = services_from + widths[1];
    let topics_from = far_from + far.width(space.0, space.1) + if widths[2] > 0 { slack } else { 0 };
    near.draw(model, &mut canvas, (near_from, services_from), space);
    far.draw(model, &mut canvas, (far_from, topics_from), space);
    for (row, link) in rows_through.iter().zip(&through) {
        canvas.through(*row, (services_from, far_from - 1), hue(model, &link.from));
    }
    for (nodes, from, columns) in [(&entries, 1, widths[0]), (&services, services_from, widths[1])] {
        nodes.iter().for_each(|node| service(model, &mut canvas, node, from, columns));
    }
    for (node, about) in topics.iter().zip(&flow.topics) {
        topic(model, &mut canvas, node, about, (topics_from, widths[2]));
    }
    Some(canvas.rows())
}

/// The services in the middle, in an order in which few lines are long.
fn middle<'a>(flow: &'a Flow<'a>) -> Vec<Node<'a>> {
    let mut order = flow.services.clone();
    let cost = |order: &[&str]| {
        let place = |name: &str| order.iter().position(|found| *found == name);
        let calls = flow.calls.iter().filter_map(|link| Some((place(&link.from)?, place(&link.to)?)));
        // Topics are spread over the whole height.
        let scale = |index: usize| (2 * index + 1) * order.len().max(1) / (2 * flow.topics.len().max(1));
        let topic = |name: &str| flow.topics.iter().position(|topic| topic.name == name).map(scale);
        let publishes = flow.publishes.iter().filter_map(|link| Some((place(&link.from)?, topic(&link.to)?)));
        let reads = flow.reads.iter().filter_map(|link| Some((place(&link.to)?, topic(&link.from)?)));
        calls.chain(publishes).chain(reads).map(|(a, b)| a.abs_diff(b)).sum::<usize>()
    };
    let mut best = cost(&order);
    loop {
        let before = best;
        for a in 0..order.len() {
            for b in a + 1..order.len() {
                order.swap(a, b);
                let now = cost(&order);
                if now < best {
                    best = now;
                } else {
                    order.swap(a, b);
                }
            }
        }
        if best == before {
            break;
        }
    }
    let is_middle = |name: &str| flow.services.contains(&name);
    let node = |name: &'a str| {
        let mut ports = Vec::new();
        let calls = flow.calls.iter();
        ports.extend(calls.clone().any(|link| link.from == name && is_middle(&link.to)).then_some(Port::Calls));
        let callers = calls.filter(|link| link.to == name && is_middle(&link.from));
        ports.extend(callers.map(|link| Port::CalledBy(&link.from)));
        ports.extend(flow.publishes.iter().filter(|link| link.from == name).map(|link| Port::PublishesTo(&link.to)));
        ports.extend(flow.reads.iter().filter(|link| link.to == name).map(|link| Port::Reads(&link.from)));
        let height = ports.len().max(2) + 2;
        Node { name, ports, top: 0, height }
    };
    order.into_iter().map(node).collect()
}

fn left<'a>(flow: &'a Flow<'a>, through: &[&'a Link]) -> Vec<Node<'a>> {
    let node = |name: &&'a str| {
        let mut ports = vec![Port::Calls];
        ports.extend(through.iter().filter(|link| link.to == *name).map(|link| Port::Reads(&link.from)));
        let height = ports.len().max(2) + 2;
        Node { name, ports, top: 0, height }
    };
    stacked(flow.entries.iter().map(node).collect())
}

fn right<'a>(flow: &'a Flow<'a>) -> Vec<Node<'a>> {
    let node = |topic: &&'a Topic| {
        let publishers = flow.publishes.iter().filter(|link| link.to == topic.name);
        let mut ports: Vec<Port<'_>> = publishers.map(|link| Port::CalledBy(&link.from)).collect();
        ports.extend(flow.reads.iter().any(|link| link.from == topic.name).then_some(Port::Calls));
        let height = ports.len().max(2) + 2;
        Node { name: &topic.name, ports, top: 0, height }
    };
    stacked(flow.topics.iter().map(node).collect())
}

fn stacked(mut nodes: Vec<Node<'_>>) -> Vec<Node<'_>> {
    let mut top = 0;
    for node in &mut nodes {
        node.top = top;
        top = node.bottom();
    }
    nodes
}

/// Spreads boxes over a height.
fn spread(nodes: &mut [Node<'_>], height: usize) {
    let used: usize = nodes.iter().map(|node| node.height).sum();
    let (free, count) = (height.saturating_sub(used), nodes.len());
    let mut above = 0;
    for (index, node) in nodes.iter_mut().enumerate() {
        // Half of a gap above the first, and below the last.
        let gap = (2 * index + 1) * free / (2 * count.max(1));
        node.top = above + gap;
        above += node.height;
    }
}

fn hue(model: &Model, name: &str) -> Style {
    match model.kafka.topics.iter().position(|topic| topic.name == name) {
        // Not like the services' own, as far as there are others.
        Some(index) => model.theme.hue(model.shop.resources().len() + index),
        None => model.hue(name),
    }
}

fn find<'a, 'b>(nodes: &'b [Node<'a>], name: &str) -> Option<&'b Node<'a>> {
    nodes.iter().find(|node| node.name == name)
}

/// From those at the left to the services, and back to them what they read.
fn near_channel<'a>(
    model: &Model,
    flow: &'a Flow<'a>,
    entries: &[Node<'_>],
    services: &[Node<'_>],
    through: &[&'a Link],
    rows_through: &[usize],
) -> Channel<'a> {
    let mut nets = Vec::new();
    let mut taken: Vec<usize> = Vec::new();
    for entry in entries {
        let mut pins: Vec<Pin<'_>> =
            entry.row(Port::Calls).map(|row| Pin { side: Side::Left, row, enters: None }).into_iter().collect();
        for link in flow.calls.iter().filter(|link| link.from == entry.name) {
            let Some(called) = find(services, &link.to) else { continue };
            // Each caller has a row of its own as long as there are any.
            let row = (called.top + 1..called.bottom() - 1).find(|row| !taken.contains(row)).unwrap_or(called.top + 1);
            taken.push(row);
            pins.push(Pin { side: Side::Right, row, enters: Some(link) });
        }
        nets.push(Net { pins, style: model.hue(entry.name) });
    }
    for (link, row) in through.iter().zip(rows_through) {
        let to = find(entries, &link.to).and_then(|entry| entry.row(Port::Reads(&link.from)));
        let Some(to) = to else { continue };
        let pins = vec![
            Pin { side: Side::Right, row: *row, enters: None },
            Pin { side: Side::Left, row: to, enters: Some(link) },
        ];
        nets.push(Net { pins, style: hue(model, &link.from) });
    }
    Channel::of(nets)
}

/// Among the services, from them to topics, and from topics to those who read them.
fn far_channel<'a>(
    model: &Model,
    flow: &'a Flow<'a>,
    services: &[Node<'_>],
    topics: &[Node<'_>],
    through: &[&'a Link],
    rows_through: &[usize],
) -> Channel<'a> {
    let mut nets = Vec::new();
    for node in services {
        let leaves = node.row(Port::Calls).map(|row| Pin { side: Side::Left, row, enters: None });
        let entered = flow.calls.iter().filter(|link| link.from == node.name).filter_map(|link| {
            let row = find(services, &link.to)?.row(Port::CalledBy(node.name))?;
            Some(Pin { side: Side::Left, row, enters: Some(link) })
        });
        if leaves.is_some() {
            nets.push(Net { pins: leaves.into_iter().chain(entered).collect(), style: model.hue(node.name) });
        }
        for link in flow.publishes.iter().filter(|link| link.from == node.name) {
            let ends = node
                .row(Port::PublishesTo(&link.to))
                .zip(find(topics, &link.to).and_then(|topic| topic.row(Port::CalledBy(node.name))));
            let Some((from, to)) = ends else { continue };
            let pins = vec![
                Pin { side: Side::Left, row: from, enters: None },
                Pin { side: Side::Right, row: to, enters: Some(link) },
            ];
            nets.push(Net { pins, style: model.hue(node.name) });
        }
    }
    for topic in topics {
        let Some(row) = topic.row(Port::Calls) else { continue };
        let mut pins = vec![Pin { side: Side::Right, row, enters: None }];
        for link in flow.reads.iter().filter(|link| link.from == topic.name) {
            if let Some(row) = find(services, &link.to).and_then(|node| node.row(Port::Reads(topic.name))) {
                pins.push(Pin { side: Side::Left, row, enters: Some(link) });
            }
        }
        let passing = through.iter().zip(rows_through).filter(|(link, _)| link.from == topic.name);
        pins.extend(passing.map(|(_, row)| Pin { side: Side::Left, row: *row, enters: None }));
        nets.push(Net { pins, style: hue(model, topic.name) });
    }
    Channel::of(nets)
}
