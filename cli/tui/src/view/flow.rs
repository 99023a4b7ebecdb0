//! How the shop hangs together: who may call whom, as declared by the addresses that each service is given; who publishes to
//! which topic and who reads it, as observed. Where the two differ, that is marked.

use std::collections::{BTreeMap, BTreeSet};

use ratatui::text::{Line as Row, Span};

use crate::{
    kafka::{Topic, header, is_dead},
    model::Model,
    text::{fit, grouped, plain},
    theme::Tone,
};

/// The resource that stands for all topics.
const KAFKA: &str = "kafka";
/// Messages that are looked at for who published them.
const RECENT: usize = 2000;

pub(super) fn rows(model: &Model) -> Vec<Row<'static>> {
    let theme = model.theme;
    let mut rows = vec![head(model, " calls, as declared by addresses")];
    for service in model.of_kinds(&["service"]) {
        let called = model.calls.iter().filter(|(caller, callee)| caller == service && callee != KAFKA);
        let called: Vec<&str> = called.map(|(_, callee)| callee.as_str()).collect();
        let mut spans = node(model, service);
        let arrow = theme.pick(" ──> ", " --> ");
        spans.push(Span::styled(
            if called.is_empty() { String::new() } else { arrow.to_owned() },
            theme.style(Tone::Quiet),
        ));
        for (index, callee) in called.iter().enumerate() {
            let state = model.shop.resource(callee).map_or("", |resource| resource.state.as_str());
            let (sign, tone) = theme.state(state);
            let comma = if index == 0 { "" } else { "  " };
            spans.push(Span::styled(format!("{comma}{sign} "), theme.style(tone)));
            spans.push(Span::styled(plain(callee), model.hue(callee)));
        }
        rows.push(Row::from(spans));
    }
    rows.push(Row::default());
    rows.push(head(model, " events, as observed"));
    if model.kafka.topics.is_empty() {
        rows.push(Row::styled("   nothing is known of Kafka yet", theme.style(Tone::Quiet)));
        return rows;
    }
    let publishers = publishers(model);
    let mut seen: BTreeSet<&str> = publishers.values().flatten().map(String::as_str).collect();
    for topic in &model.kafka.topics {
        if is_dead(&topic.name) && topic.records == 0 {
            continue;
        }
        rows.extend(edge(model, topic, publishers.get(topic.name.as_str())));
    }
    seen.extend(model.kafka.groups.iter().map(|group| group.name.as_str()));
    let differing = differences(model, &seen);
    if !differing.is_empty() {
        rows.push(Row::default());
        rows.extend(differing);
    }
    rows
}

fn head(model: &Model, text: &'static str) -> Row<'static> {
    Row::styled(text, model.theme.style(Tone::Strong))
}

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

/// Who published to each topic, by what the messages say.
fn publishers(model: &Model) -> BTreeMap<&str, BTreeSet<String>> {
    let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let last = model.kafka.len();
    for message in (last.saturating_sub(RECENT)..last).filter_map(|place| model.kafka.get(place)) {
        if let Some(source) = header(message, "ce_source") {
            found.entry(&message.topic).or_default().insert(source);
        }
    }
    found
}

fn edge(model: &Model, topic: &Topic, publishers: Option<&BTreeSet<String>>) -> Vec<Row<'static>> {
    let theme = model.theme;
    let names = publishers.map(|names| names.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", "));
    let names = names.unwrap_or_else(|| theme.pick("·", ".").to_owned());
    let tone = if is_dead(&topic.name) { Tone::Bad } else { Tone::Strong };
    let rate = format!("{:.1}/s, {} records", topic.rate, grouped(topic.records.unsigned_abs()));
    let arrow = theme.pick("──>", "-->");
    let mut rows = vec![Row::from(vec![
        Span::raw(format!("   {} {arrow} ", fit(&names, 14, theme.ascii))),
        Span::styled(fit(&plain(&topic.name), 20, theme.ascii), theme.style(tone)),
        Span::styled(rate, theme.style(Tone::Quiet)),
    ])];
    for group in &model.kafka.groups {
        let lags = group.partitions.iter().filter(|partition| partition.topic == topic.name);
        let lags: Vec<i64> = lags.map(|partition| partition.lag).collect();
        if lags.is_empty() {
            continue;
        }
        let lag: i64 = lags.iter().sum();
        let (text, tone) = if lag > 0 {
            (format!("{} behind", grouped(lag.unsigned_abs())), Tone::Warning)
        } else {
            ("up to date".to_owned(), Tone::Quiet)
        };
        let who = if group.members == 0 { format!("{text}, nobody reads") } else { text };
        rows.push(Row::from(vec![
            Span::raw(format!("   {:>14}     {arrow} ", "")),
            Span::raw(fit(&plain(&group.name), 16, theme.ascii)),
            Span::styled(who, theme.style(tone)),
        ]));
    }
    rows
}

/// Services that wait for the topics although nothing was seen of them there, and the other way round.
fn differences(model: &Model, seen: &BTreeSet<&str>) -> Vec<Row<'static>> {
    let theme = model.theme;
    let declares = |service: &str| {
        model.shop.edges.iter().any(|edge| edge.resource == service && matches!(edge.needs.as_str(), "topics" | KAFKA))
    };
    let is_seen = |service: &str| {
        seen.iter().any(|name| {
            *name == service || name.starts_with(&format!("{service}-")) || name.starts_with(&format!("{service}."))
        })
    };
    let mut rows = Vec::new();
    for service in model.of_kinds(&["service"]) {
        let text = match (declares(service), is_seen(service)) {
            (true, false) => "needs the topics; nothing of it was seen there since this view was opened first",
            (false, true) => "was seen there, but does not declare that it needs the topics",
            (true, true) | (false, false) => continue,
        };
        rows.push(Row::from(vec![
            Span::styled(format!("   {} ", theme.pick("≠", "!")), theme.style(Tone::Warning)),
            Span::styled(plain(service), model.hue(service)),
            Span::raw(format!(" {text}")),
        ]));
    }
    rows
}
