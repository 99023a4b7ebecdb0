//! The boot: the graph as it comes up, how far builds and pulls are, how long each took, and what it all waited for.

use std::collections::BTreeMap;

use ratatui::text::{Line as Row, Span};
use shopctl_protocol::{Progress, Resource};

use crate::{
    model::Model,
    text::{cut, fit, fit_right, plain, width},
    theme::Tone,
};

/// Columns of a bar that shows how far something is.
const BAR: usize = 20;

pub(super) fn rows(model: &Model) -> Vec<Row<'static>> {
    let theme = model.theme;
    if model.shop.snapshot.is_none() {
        let mut rows = vec![Row::styled(" the supervisor is being started", theme.style(Tone::Busy))];
        rows.extend(model.notes.iter().map(|note| Row::styled(format!(" {note}"), theme.style(Tone::Quiet))));
        return rows;
    }
    let columns = usize::from(model.size.width);
    let critical = model.shop.critical_path();
    let longest = model.shop.resources().iter().map(|resource| width(&resource.name)).max().unwrap_or(8).min(20);
    let scale = scale(model);
    let depths = depths(model);
    let mut order: Vec<&Resource> = model.shop.resources().iter().collect();
    // By the graph's depth, and within it as it began.
    order.sort_by_key(|resource| depths.get(resource.name.as_str()).copied().unwrap_or_default());
    let mut rows = Vec::new();
    for resource in order {
        let (sign, tone) = theme.state(&resource.state);
        let depth = depths.get(resource.name.as_str()).copied().unwrap_or_default().min(6);
        let is_critical = critical.contains(&resource.name.as_str());
        let took = match (resource.took, resource.state.as_str()) {
            (Some(took), _) => format!("{took:.2} s"),
            (None, "starting") => {
                let since = resource.began.map_or(0.0, |began| (model.shop.clock(model.now.since) - began).max(0.0));
                format!("{since:.0} s")
            }
            (None, _) => String::new(),
        };
        let indent = if columns >= 80 { depth } else { 0 };
        let mut spans = vec![
            Span::styled(format!(" {}{sign} ", " ".repeat(indent)), theme.style(tone)),
            Span::styled(
                fit(&plain(&resource.name), longest + 6 - indent.min(6), theme.ascii),
                if is_critical { theme.style(Tone::Strong) } else { theme.style(Tone::Plain) },
            ),
            Span::styled(if is_critical { theme.pick("◆", "*") } else { " " }, theme.style(Tone::Warning)),
            Span::raw(fit_right(&took, 9, theme.ascii)),
            Span::raw(" "),
        ];
        let used: usize = spans.iter().map(|span| width(&span.content)).sum();
        let room = columns.saturating_sub(used + 1);
        match note(model, resource) {
            Some((text, tone)) => {
                spans.push(Span::styled(cut(&text, room, theme.ascii).into_owned(), theme.style(tone)))
            }
            None => spans.push(Span::styled(lane(model, resource, room.min(60), scale), theme.style(tone))),
        }
        rows.push(Row::from(spans));
        let parts = model.shop.progress.get(&resource.name).filter(|_| resource.state == "starting");
        for progress in parts.into_iter().flat_map(BTreeMap::values) {
            rows.push(bar(model, progress, longest));
        }
    }
    rows.push(Row::default());
    if critical.len() > 1 {
        let names: Vec<String> = critical.iter().map(|name| plain(name)).collect();
        rows.push(Row::from(vec![
            Span::styled(theme.pick(" ◆ ", " * "), theme.style(Tone::Warning)),
            Span::styled("critical path: ", theme.style(Tone::Strong)),
            Span::raw(names.join(theme.pick(" → ", " -> "))),
        ]));
    }
    rows
}

/// Seconds that the lanes are wide: from the start of the first to the end of the last.
fn scale(model: &Model) -> f64 {
    let end = |resource: &Resource| Some(resource.began? + resource.took?);
    let ended = model.shop.resources().iter().filter_map(end).fold(0.1, f64::max);
    let runs = model.shop.resources().iter().any(|resource| resource.state == "starting");
    if runs { ended.max(model.shop.clock(model.now.since)) } else { ended }
}

/// When it started and how long it took, to scale.
fn lane(model: &Model, resource: &Resource, columns: usize, scale: f64) -> String {
    let Some(began) = resource.began else { return String::new() };
    let end = match (resource.took, resource.state.as_str()) {
        (Some(took), _) => began + took,
        (None, "starting") => model.shop.clock(model.now.since),
        (None, _) => return String::new(),
    };
    let place = |seconds: f64| ((seconds / scale).clamp(0.0, 1.0) * columns as f64) as usize;
    let (from, to) = (place(began), place(end));
    // What was over at once is seen, too.
    let from = from.min(columns.saturating_sub(1));
    let length = to.saturating_sub(from).clamp(1, columns.max(1));
    format!("{}{}", " ".repeat(from), model.theme.pick("━", "=").repeat(length))
}

/// What is to be said instead of a lane: what it waits for, or what is wrong.
fn note(model: &Model, resource: &Resource) -> Option<(String, Tone)> {
    let (first, last) = (resource.why.first(), resource.why.last());
    match resource.state.as_str() {
        "pending" => Some((waits_for(model, resource), Tone::Quiet)),
        "backing-off" | "unready" => last.map(|cause| (plain(&cause.detail), Tone::Warning)),
        "failed" => last.map(|cause| (plain(&cause.detail), Tone::Bad)),
        "starting" => {
            let since = resource.began.map_or(0.0, |began| model.shop.clock(model.now.since) - began);
            // Only what takes long is worth words.
            first
                .filter(|_| since > 3.0 && !model.shop.progress.contains_key(&resource.name))
                .map(|cause| (plain(&cause.detail), Tone::Busy))
        }
        "completed" if resource.took == Some(0.0) => Some(("skipped".to_owned(), Tone::Quiet)),
        _ => None,
    }
}

/// What has not happened yet that it needs. The supervisor tells of a resource when that changes, not whenever its needs do.
fn waits_for(model: &Model, resource: &Resource) -> String {
    let is_unmet = |needs: &str, condition: &str| {
        model.shop.resource(needs).is_some_and(|need| match condition {
            "started" => matches!(need.state.as_str(), "pending" | "stopped" | "failed"),
            _ => !need.ready,
        })
    };
    let edges = model.shop.edges.iter().filter(|edge| edge.resource == resource.name);
    let unmet: Vec<String> =
        edges.filter(|edge| is_unmet(&edge.needs, &edge.condition)).map(|edge| plain(&edge.needs)).collect();
    if unmet.is_empty() {
        return resource.why.first().map(|cause| plain(&cause.detail)).unwrap_or_default();
    }
    format!("waits for {}", unmet.join(", "))
}

fn bar(model: &Model, progress: &Progress, longest: usize) -> Row<'static> {
    let theme = model.theme;
    let part = progress.part.as_deref().map(plain).unwrap_or_default();
    let text = format!("{} {}", plain(&progress.unit), plain(&progress.message));
    let (filled, count) = match progress.total.filter(|&total| total > 0) {
        Some(total) => {
            let filled = (progress.done.min(total) as f64 / total as f64 * BAR as f64) as usize;
            (filled, format!("{}/{total}", progress.done))
        }
        None => (0, progress.done.to_string()),
    };
    Row::from(vec![
        Span::raw(format!("    {} ", fit(&part, longest, theme.ascii))),
        Span::styled(theme.pick("█", "#").repeat(filled), theme.style(Tone::Busy)),
        Span::styled(theme.pick("░", ".").repeat(BAR - filled), theme.style(Tone::Quiet)),
        Span::raw(format!(" {count} {text}")),
    ])
}

/// How many edges lie between each resource and one that needs nothing.
fn depths(model: &Model) -> BTreeMap<&str, usize> {
    let mut depths: BTreeMap<&str, usize> =
        model.shop.resources().iter().map(|resource| (resource.name.as_str(), 0)).collect();
    // A chain is at most as long as there are resources.
    for _ in 0..model.shop.resources().len() {
        let mut settled = true;
        for edge in &model.shop.edges {
            let Some(&below) = depths.get(edge.needs.as_str()) else { continue };
            if let Some(depth) = depths.get_mut(edge.resource.as_str()).filter(|depth| **depth <= below) {
                *depth = below + 1;
                settled = false;
            }
        }
        if settled {
            break;
        }
    }
    depths
}
