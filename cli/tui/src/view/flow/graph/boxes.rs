//! The boxes, and what stands in them.

use ratatui::style::Style;
use shopctl_protocol::Resource;

use super::{Node, hue};
use crate::{
    flow::KAFKA,
    kafka::{self, Topic},
    model::Model,
    text::{cut, grouped, plain},
    theme::Tone,
    view::flow::canvas::Canvas,
};

/// A box with a name in its border.
fn frame(model: &Model, canvas: &mut Canvas, node: &Node<'_>, (from, columns): (usize, usize), style: Style) {
    canvas.rectangle((from, node.top), (columns, node.height), model.theme.style(Tone::Quiet));
    let name = cut(&plain(node.name), columns.saturating_sub(4), model.theme.ascii).into_owned();
    canvas.text((from + 1, node.top), columns - 2, &format!(" {name} "), style);
}

/// Where a service keeps what it owns: what it calls that is no service and does not stand for the topics.
pub(super) fn stores<'a>(model: &'a Model, service: &'a str) -> impl Iterator<Item = &'a Resource> {
    let called = model.calls.iter().filter(move |(caller, _)| caller == service);
    let stores = called.filter_map(|(_, store)| model.shop.resource(store));
    stores.filter(|store| store.kind != "service" && store.name != KAFKA)
}

pub(super) fn service(model: &Model, canvas: &mut Canvas, node: &Node<'_>, from: usize, columns: usize) {
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

pub(super) fn topic(
    model: &Model,
    canvas: &mut Canvas,
    node: &Node<'_>,
    topic: &Topic,
    (from, columns): (usize, usize),
) {
    frame(model, canvas, node, (from, columns), hue(model, &topic.name));
    let dead: u64 = model
        .kafka
        .letters
        .iter()
        .filter(|(name, _)| name.strip_prefix(&topic.name).is_some_and(kafka::is_dead))
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
