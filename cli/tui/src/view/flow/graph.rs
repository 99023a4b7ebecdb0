//! The graph with boxes and edges: who is called by nobody at the left, the other services in the middle, topics at the
//! right. Between the columns each edge has a track of its own; what leaves one box by one port shares one.

use ratatui::{style::Style, text::Line as Row};
use shopctl_protocol::Resource;

use super::canvas::Canvas;
use crate::{
    flow::{Flow, KAFKA, Link, Standing},
    kafka::Topic,
    model::Model,
    text::{cut, grouped, plain, width},
    theme::Tone,
};

/// Columns of a box: what its name needs, within these.
const BOX: (usize, usize) = (14, 22);
/// Columns between tracks, and those of labels: the first of these for which there is room.
const SPACES: [(usize, usize); 4] = [(3, 14), (2, 12), (2, 9), (1, 8)];
/// Columns beside an arrow that has no label.
const SHORT: usize = 3;

/// Where something leaves or enters a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// An end of a net: at which side of the channel, and in which row.
#[derive(Debug)]
struct Pin<'a> {
    side: Side,
    row: usize,
    /// The edge that enters there, or none if it leaves.
    enters: Option<&'a Link>,
}

/// Lines that are joined: from one port to all that it goes to.
#[derive(Debug)]
struct Net<'a> {
    pins: Vec<Pin<'a>>,
    style: Style,
}

/// The space between two columns.
#[derive(Debug, Default)]
struct Channel<'a> {
    nets: Vec<Net<'a>>,
    tracks: Vec<Option<usize>>,
}

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

impl<'a> Channel<'a> {
    /// Gives each net a track of its own where it needs one: none of those whose rows it shares, and where one comes from the
    /// left in the row in which another comes from the right, left of that one.
    fn of(nets: Vec<Net<'a>>) -> Self {
        let span = |net: &Net<'_>| {
            let rows = || net.pins.iter().map(|pin| pin.row);
            (rows().min().unwrap_or_default(), rows().max().unwrap_or_default())
        };
        let has = |net: &Net<'_>, side, row| net.pins.iter().any(|pin| pin.side == side && pin.row == row);
        let is_left_of =
            |a: &Net<'_>, b: &Net<'_>| a.pins.iter().any(|pin| pin.side == Side::Left && has(b, Side::Right, pin.row));
        let mut tracks: Vec<Option<usize>> = vec![None; nets.len()];
        let mut left: Vec<usize> =
            (0..nets.len()).filter(|&index| span(&nets[index]).0 < span(&nets[index]).1).collect();
        left.sort_by_key(|&index| (span(&nets[index]).1 - span(&nets[index]).0, index));
        while !left.is_empty() {
            // One that has none left of it that is still to come; in a circle, any.
            let is_free =
                |&index: &usize| left.iter().all(|&other| other == index || !is_left_of(&nets[other], &nets[index]));
            let at = left.iter().position(is_free).unwrap_or(0);
            let index = left.remove(at);
            let (from, to) = span(&nets[index]);
            let least = (0..nets.len())
                .filter(|&other| is_left_of(&nets[other], &nets[index]))
                .filter_map(|other| tracks[other]);
            let least = least.max().map_or(0, |track| track + 1);
            let is_taken = |track: usize| {
                (0..nets.len()).any(|other| {
                    tracks[other] == Some(track) && span(&nets[other]).0 <= to && span(&nets[other]).1 >= from
                })
            };
            tracks[index] = (least..).find(|&track| !is_taken(track));
        }
        Self { nets, tracks }
    }

    /// Columns of labels at a side: none where nothing enters there.
    fn margin(&self, side: Side, label: usize) -> usize {
        let entering = self.nets.iter().flat_map(|net| &net.pins).filter(|pin| pin.side == side);
        let entering = entering.filter_map(|pin| pin.enters).collect::<Vec<_>>();
        let is_told = |link: &&Link| {
            link.rate.is_some() || link.errors > 0 || link.behind > 0 || link.standing != Standing::Declared
        };
        if entering.iter().any(is_told) { label } else { SHORT }
    }

    fn width(&self, space: usize, label: usize) -> usize {
        if self.nets.is_empty() {
            return 0;
        }
        let tracks = self.tracks.iter().flatten().max().map_or(0, |track| track + 1);
        self.margin(Side::Left, label) + tracks * space + self.margin(Side::Right, label)
    }

    /// Draws it between two columns, neither of them included.
    fn draw(&self, model: &Model, canvas: &mut Canvas, (from, to): (usize, usize), (space, label): (usize, usize)) {
        if self.nets.is_empty() || from >= to {
            return;
        }
        let first = from + self.margin(Side::Left, label);
        for (net, track) in self.nets.iter().zip(&self.tracks) {
            let rows = || net.pins.iter().map(|pin| pin.row);
            let x = track.map(|track| first + track * space);
            if let Some(x) = x {
                canvas.down(x, (rows().min().unwrap_or_default(), rows().max().unwrap_or_default()), net.style);
            }
            for pin in &net.pins {
                match (x, pin.side) {
                    (Some(x), Side::Left) => {
                        canvas.across(pin.row, (from, x), net.style);
                        canvas.through(pin.row, (from, x.saturating_sub(1).max(from)), net.style);
                    }
                    (Some(x), Side::Right) => {
                        canvas.across(pin.row, (x, to - 1), net.style);
                        canvas.through(pin.row, ((x + 1).min(to - 1), to - 1), net.style);
                    }
                    (None, _) => canvas.through(pin.row, (from, to - 1), net.style),
                }
            }
        }
        // Over all lines.
        for net in &self.nets {
            for pin in &net.pins {
                let Some(link) = pin.enters else { continue };
                let columns = self.margin(pin.side, label) - 1;
                arrow(model, canvas, (pin, link), (from, to), columns);
            }
        }
    }
}

fn arrow(
    model: &Model,
    canvas: &mut Canvas,
    (pin, link): (&Pin<'_>, &Link),
    (from, to): (usize, usize),
    columns: usize,
) {
    let theme = model.theme;
    let (text, tone) = super::label(theme, link);
    let head = match pin.side {
        Side::Left => (from, theme.pick("◀", "<")),
        Side::Right => (to - 1, theme.pick("▶", ">")),
    };
    let head_tone = if link.errors > 0 || link.standing == Standing::Undeclared { tone } else { Tone::Strong };
    canvas.text((head.0, pin.row), 1, head.1, theme.style(head_tone));
    if text.is_empty() || columns < 4 {
        return;
    }
    let text = cut(&text, columns - 2, theme.ascii).into_owned();
    let taken = width(&text);
    let x = match pin.side {
        Side::Left => from + 2,
        Side::Right => to - 2 - taken,
    };
    canvas.text((x, pin.row), taken, &text, theme.style(tone));
}

/// A box with a name in its border.
fn frame(model: &Model, canvas: &mut Canvas, node: &Node<'_>, (from, columns): (usize, usize), style: Style) {
    canvas.rectangle((from, node.top), (columns, node.height), model.theme.style(Tone::Quiet));
    let name = cut(&plain(node.name), columns.saturating_sub(4), model.theme.ascii).into_owned();
    canvas.text((from + 1, node.top), columns - 2, &format!(" {name} "), style);
}

/// Where a service keeps what it owns: what it calls that is no service and does not stand for the topics.
fn stores<'a>(model: &'a Model, service: &'a str) -> impl Iterator<Item = &'a Resource> {
    let called = model.calls.iter().filter(move |(caller, _)| caller == service);
    let stores = called.filter_map(|(_, store)| model.shop.resource(store));
    stores.filter(|store| store.kind != "service" && store.name != KAFKA)
}

fn service(model: &Model, canvas: &mut Canvas, node: &Node<'_>, from: usize, columns: usize) {
    let theme = model.theme;
    frame(model, canvas, node, (from, columns), model.hue(node.name));
    let Some(resource) = model.shop.resource(node.name) else { return };
    let (sign, tone) = theme.state(&resource.state);
    let fault = resource.faults.first();
    let word = fault.map_or_else(|| plain(&resource.state), |fault| plain(fault));
    let tone = if fault.is_some() { Tone::Warning } else { tone };
    let mut rows = vec![(format!("{sign} {word}"), tone)];
    let errors = model.shop.errors.get(node.name).copied().unwrap_or_default();
    if errors > 0 {
        rows.push((format!("{} {} errors", theme.pick("✗", "E"), grouped(errors)), Tone::Bad));
    }
    for store in stores(model, node.name) {
        let (sign, tone) = theme.state(&store.state);
        rows.push((format!("{sign} {}", plain(&store.name)), if tone == Tone::Good { Tone::Quiet } else { tone }));
    }
    inside(model, canvas, node, (from, columns), &rows);
}

fn topic(model: &Model, canvas: &mut Canvas, node: &Node<'_>, topic: &Topic, (from, columns): (usize, usize)) {
    frame(model, canvas, node, (from, columns), hue(model, &topic.name));
    let dead: u64 = model
        .kafka
        .letters
        .iter()
        .filter(|(name, _)| name.strip_prefix(&topic.name).is_some_and(crate::kafka::is_dead))
        .map(|(_, count)| count)
        .sum();
    let mut rows = vec![(format!("{:.1}/s", topic.rate), Tone::Plain)];
    if dead > 0 {
        rows.push((format!("{} {} dead", model.theme.pick("✗", "X"), grouped(dead)), Tone::Bad));
    }
    rows.push((format!("{} records", grouped(topic.records.unsigned_abs())), Tone::Quiet));
    inside(model, canvas, node, (from, columns), &rows);
}

fn inside(
    model: &Model,
    canvas: &mut Canvas,
    node: &Node<'_>,
    (from, columns): (usize, usize),
    rows: &[(String, Tone)],
) {
    for (y, (text, tone)) in (node.top + 1..node.bottom() - 1).zip(rows) {
        let text = cut(text, columns.saturating_sub(4), model.theme.ascii).into_owned();
        canvas.text((from + 2, y), columns - 3, &text, model.theme.style(*tone));
    }
}
