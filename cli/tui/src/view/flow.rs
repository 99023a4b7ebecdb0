//! How the shop hangs together: drawn as a graph where there is room for it, else in rows.

mod canvas;
mod graph;

use ratatui::text::{Line as Row, Span};

use crate::{
    flow::{Flow, Link, Standing},
    model::Model,
    text::{fit, grouped, plain, width},
    theme::{Theme, Tone},
};

pub(super) fn rows(model: &Model) -> Vec<Row<'static>> {
    let flow = Flow::of(model);
    let mut rows = match graph::drawn(model, &flow, usize::from(model.size.width)) {
        Some(mut rows) => {
            rows.extend(flow.others.iter().map(|link| other(model, link)));
            rows
        }
        None => listed(model, &flow),
    };
    if let Some(why) = &model.kafka.away {
        let text = format!(" Kafka is away: {}", plain(why));
        rows.insert(0, Row::styled(text, model.theme.style(Tone::Bad)));
    } else if model.kafka.topics.is_empty() {
        rows.push(Row::styled(" nothing is known of Kafka yet", model.theme.style(Tone::Quiet)));
    }
    rows.extend(differences(model, &flow));
    rows
}

/// What is told of an edge: rate, lag, errors.
fn label(theme: Theme, link: &Link) -> (String, Tone) {
    let mut words = Vec::new();
    match link.standing {
        Standing::Undeclared => words.push(theme.pick("≠", "!=").to_owned()),
        Standing::Unseen => words.push("unseen".to_owned()),
        Standing::Declared | Standing::Both | Standing::Seen => {}
    }
    words.extend(link.rate.map(|rate| if rate < 9.95 { format!("{rate:.1}/s") } else { format!("{rate:.0}/s") }));
    if link.behind > 0 {
        words.push(format!("+{}", grouped(link.behind)));
    }
    if link.errors > 0 {
        words.push(format!("{}{}", theme.pick("✗", "E"), grouped(link.errors)));
    }
    let tone = match link.standing {
        _ if link.errors > 0 => Tone::Bad,
        _ if link.behind > 0 => Tone::Warning,
        Standing::Undeclared => Tone::Warning,
        Standing::Unseen => Tone::Quiet,
        Standing::Declared | Standing::Both | Standing::Seen => Tone::Plain,
    };
    (words.join(" "), tone)
}

/// Where there is no room for boxes.
fn listed(model: &Model, flow: &Flow<'_>) -> Vec<Row<'static>> {
    let theme = model.theme;
    let head = |text: &'static str| Row::styled(text, theme.style(Tone::Strong));
    let arrow = theme.pick(" ──> ", " --> ");
    let told = |link: &Link| {
        let (text, tone) = label(theme, link);
        Span::styled(if text.is_empty() { text } else { format!(" {text}") }, theme.style(tone))
    };
    let columns = usize::from(model.size.width);
    let mut rows = vec![head(" calls, as declared by addresses")];
    for service in flow.entries.iter().chain(&flow.services) {
        let mut spans = node(model, service);
        let mut used = NODE;
        for (index, link) in flow.calls.iter().filter(|link| link.from == *service).enumerate() {
            let state = model.shop.resource(&link.to).map_or("", |resource| resource.state.as_str());
            let (sign, tone) = theme.state(state);
            let (name, told) = (plain(&link.to), told(link));
            let taken = width(&name) + width(&told.content) + 2;
            let before = if index == 0 { arrow } else { "  " };
            used += width(before) + taken;
            if used > columns && index > 0 {
                // On in the next row, below the first that it calls.
                rows.push(Row::from(std::mem::take(&mut spans)));
                used = NODE + width(arrow);
                spans.push(Span::raw(" ".repeat(used)));
                used += taken;
            } else {
                spans.push(Span::styled(before, theme.style(Tone::Quiet)));
            }
            spans.push(Span::styled(format!("{sign} "), theme.style(tone)));
            spans.push(Span::styled(name, model.hue(&link.to)));
            spans.push(told);
        }
        rows.push(Row::from(spans));
    }
    if flow.topics.is_empty() {
        return rows;
    }
    rows.push(Row::default());
    rows.push(head(" events, as observed"));
    for topic in &flow.topics {
        let names: Vec<String> =
            flow.publishes.iter().filter(|link| link.to == topic.name).map(|link| plain(&link.from)).collect();
        let names = if names.is_empty() { theme.pick("·", ".").to_owned() } else { names.join(", ") };
        rows.push(Row::from(vec![
            Span::raw(format!("   {}{arrow}", fit(&names, 14, theme.ascii))),
            Span::styled(fit(&plain(&topic.name), 20, theme.ascii), theme.style(Tone::Strong)),
            Span::styled(
                format!("{:.1}/s, {} records", topic.rate, grouped(topic.records.unsigned_abs())),
                theme.style(Tone::Quiet),
            ),
        ]));
        for link in flow.reads.iter().chain(&flow.others).filter(|link| link.from == topic.name) {
            rows.push(Row::from(vec![
                Span::raw(format!("   {:>14}    {arrow}", "")),
                Span::raw(fit(&plain(&link.to), 16, theme.ascii)),
                told(link),
            ]));
        }
    }
    rows
}

/// A group that is no service's, below the graph.
fn other(model: &Model, link: &Link) -> Row<'static> {
    let theme = model.theme;
    let (text, tone) = label(theme, link);
    let arrow = theme.pick("──>", "-->");
    Row::from(vec![
        Span::raw(format!("   {} {arrow} {}  ", plain(&link.from), plain(&link.to))),
        Span::styled(text, theme.style(tone)),
    ])
}

/// Columns of [`node`].
const NODE: usize = 25;

/// A service with its sign, and its errors.
fn node(model: &Model, name: &str) -> Vec<Span<'static>> {
    let theme = model.theme;
    let (sign, tone) = theme.state(model.shop.resource(name).map_or("", |resource| resource.state.as_str()));
    let errors = model.shop.errors.get(name).copied().unwrap_or_default();
    let errors = if errors > 0 { format!("{}{}", theme.pick("✗", "E"), grouped(errors)) } else { String::new() };
    vec![
        Span::styled(format!("   {sign} "), theme.style(tone)),
        Span::styled(fit(&plain(name), 14, theme.ascii), model.hue(name)),
        Span::styled(fit(&errors, 6, theme.ascii), theme.style(Tone::Bad)),
    ]
}

/// Where declared and seen differ.
fn differences(model: &Model, flow: &Flow<'_>) -> Vec<Row<'static>> {
    let theme = model.theme;
    let mark = theme.pick("≠", "!=");
    let row = |service: &str, text: String| {
        Row::from(vec![
            Span::styled(format!("   {mark} "), theme.style(Tone::Warning)),
            Span::styled(plain(service), model.hue(service)),
            Span::raw(format!(" {text}")),
        ])
    };
    let mut rows = Vec::new();
    let undeclared = flow.calls.iter().filter(|link| link.standing == Standing::Undeclared);
    rows.extend(
        undeclared.map(|link| row(&link.from, format!("calls {}, but was given no address of it", plain(&link.to)))),
    );
    if !flow.topics.is_empty() {
        rows.extend(flow.differences(model).into_iter().map(|(service, is_declared)| {
            let text = if is_declared {
                "needs the topics; nothing of it was seen there since this view was opened first"
            } else {
                "was seen there, but does not declare that it needs the topics"
            };
            row(service, text.to_owned())
        }));
    }
    if !rows.is_empty() {
        rows.insert(0, Row::default());
    }
    rows
}
