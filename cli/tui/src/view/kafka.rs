//! Messages as they come, and what of them nobody has dealt with yet.

use std::collections::BTreeMap;

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line as Row, Span},
};
use serde_json::Value;

use super::{layout, put};
use crate::{
    kafka::{Message, header, is_dead},
    line::clock,
    model::Model,
    text::{cut, fit, fit_right, grouped, plain},
    theme::Tone,
};

/// Columns of topics and groups beside the messages, where there is room for both.
const SIDE: u16 = 44;
const BOTH: u16 = 100;

/// Where the list of messages is, the selected one at length, and topics and groups.
struct Areas {
    list: Rect,
    detail: Rect,
    beside: Rect,
}

fn areas(body: Rect, figures: usize) -> Areas {
    let (messages, beside) = if body.width >= BOTH {
        let messages = Rect { width: body.width - SIDE - 1, ..body };
        (messages, Rect { x: messages.right() + 1, width: SIDE, ..body })
    } else {
        // Above the messages, in at most a third of the room.
        let height = u16::try_from(figures).unwrap_or(u16::MAX).min(body.height / 3);
        let beside = Rect { height, ..body };
        (Rect { y: body.y + height, height: body.height - height, ..body }, beside)
    };
    // The selected message in the lower half.
    let detail = if messages.height >= 14 { messages.height / 2 } else { 0 };
    let list = Rect { height: messages.height - detail, ..messages };
    Areas { list, detail: Rect { y: list.bottom(), height: detail, ..messages }, beside }
}

/// The first message that is seen in so many rows.
fn first(model: &Model, height: usize) -> usize {
    let (place, count) = (model.kafka.place(), model.kafka.len());
    let below = (height / 3).min(count.saturating_sub(1 + place));
    (place + below + 1).saturating_sub(height)
}

/// The place, among those that pass the filter, of the message that is seen there.
pub(crate) fn entry(model: &Model, at: Position) -> Option<usize> {
    let Areas { list, .. } = areas(layout::body(model), figures(model).len());
    let row = at.y.checked_sub(list.y + 1).filter(|_| list.contains(at))?;
    let place = first(model, usize::from(list.height.saturating_sub(1))) + usize::from(row);
    (place < model.kafka.len()).then_some(place)
}

pub(super) fn view(model: &Model, buffer: &mut Buffer) {
    let body = layout::body(model);
    if body.is_empty() {
        return;
    }
    let side = figures(model);
    let Areas { list: list_area, detail, beside } = areas(body, side.len());
    for (y, row) in (0..beside.height).zip(&side) {
        put(buffer, beside, y, row);
    }
    if body.width >= BOTH {
        for y in body.top()..body.bottom() {
            buffer.set_string(list_area.right(), y, model.theme.pick("│", "|"), model.theme.style(Tone::Quiet));
        }
    }
    list(model, buffer, list_area);
    if let Some(message) = model.kafka.selected().filter(|_| detail.height > 0) {
        for (y, row) in (0..detail.height).zip(at_length(model, message, usize::from(detail.width))) {
            put(buffer, detail, y, &row);
        }
    }
}

/// Topics with their rates, groups with their lag, dead letters.
fn figures(model: &Model) -> Vec<Row<'static>> {
    let theme = model.theme;
    let mut rows = Vec::new();
    if let Some(why) = &model.kafka.away {
        rows.push(Row::styled(format!(" Kafka is away: {}", plain(why)), theme.style(Tone::Bad)));
    }
    rows.push(Row::styled(" topic                    records    msg/s", theme.style(Tone::Quiet)));
    for topic in &model.kafka.topics {
        let waiting = model.kafka.letters.iter().find(|(name, _)| *name == topic.name).map_or(0, |(_, count)| *count);
        let mut spans = vec![
            Span::styled(format!(" {}", fit(&plain(&topic.name), 22, theme.ascii)), hue(model, &topic.name)),
            Span::raw(fit_right(&grouped(topic.records.unsigned_abs()), 10, theme.ascii)),
            Span::raw(fit_right(&format!("{:.1}", topic.rate), 9, theme.ascii)),
        ];
        if waiting > 0 {
            // The badge: what is left to do.
            spans.truncate(1);
            let badge = format!("{} {} dead letters", theme.pick("✗", "X"), grouped(waiting));
            spans.push(Span::styled(badge, theme.style(Tone::Bad)));
        }
        rows.push(Row::from(spans));
    }
    rows.push(Row::styled(" group                    members      lag", theme.style(Tone::Quiet)));
    for group in &model.kafka.groups {
        let lag: i64 = group.partitions.iter().map(|partition| partition.lag).sum();
        let tone = if lag > 0 { Tone::Warning } else { Tone::Plain };
        rows.push(Row::from(vec![
            Span::raw(format!(" {}", fit(&plain(&group.name), 22, theme.ascii))),
            Span::raw(fit_right(&group.members.to_string(), 10, theme.ascii)),
            Span::styled(fit_right(&grouped(lag.unsigned_abs()), 9, theme.ascii), theme.style(tone)),
        ]));
        let mut topics: BTreeMap<&str, Vec<(i32, i64)>> = BTreeMap::new();
        for partition in &group.partitions {
            topics.entry(&partition.topic).or_default().push((partition.partition, partition.lag));
        }
        for (topic, partitions) in topics {
            let lags: Vec<String> = partitions.iter().map(|(partition, lag)| format!("{partition}:{lag}")).collect();
            rows.push(Row::styled(format!("   {} {}", plain(topic), lags.join(" ")), theme.style(Tone::Quiet)));
        }
    }
    rows
}

fn hue(model: &Model, topic: &str) -> ratatui::style::Style {
    if is_dead(topic) {
        return model.theme.style(Tone::Bad);
    }
    let index = model.kafka.topics.iter().position(|found| found.name == topic).unwrap_or_default();
    model.theme.hue(index)
}

fn list(model: &Model, buffer: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let columns = usize::from(area.width);
    let kafka = &model.kafka;
    let follows = kafka.cursor.is_none();
    let what = if kafka.filter.is_empty() { String::new() } else { format!("  filter: {}", plain(&kafka.filter)) };
    let state =
        if follows { theme.pick("▼ following ", "v following ") } else { theme.pick("‖ paused ", "= paused ") };
    let left = format!(" {} messages{what}", grouped(kafka.len() as u64));
    let left = fit(&left, columns.saturating_sub(12), theme.ascii);
    let tone = if follows { Tone::Good } else { Tone::Warning };
    put(buffer, area, 0, &Row::from(vec![Span::raw(left), Span::styled(state, theme.style(tone))]));
    let inside = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let height = usize::from(inside.height);
    if kafka.len() == 0 {
        // What is older than the first look is in the topics, but not here.
        let text = match (kafka.looking, kafka.filter.is_empty()) {
            (true, true) => "  nothing has come in the last quarter of an hour",
            (true, false) => "  nothing passes of what has come lately; `shopctl events` reads all",
            (false, _) => "  Kafka is not there yet",
        };
        put(buffer, inside, 0, &Row::styled(text, theme.style(Tone::Quiet)));
        return;
    }
    let place = kafka.place();
    for (y, index) in (0..inside.height).zip(first(model, height)..kafka.len()) {
        let Some(message) = kafka.get(index) else { break };
        put(buffer, inside, y, &one(model, message, columns));
        if index == place {
            buffer.set_style(
                Rect { y: inside.y + y, height: 1, ..inside }.intersection(buffer.area),
                theme.style(Tone::Selected),
            );
        }
    }
}

fn one(model: &Model, message: &Message, columns: usize) -> Row<'static> {
    let theme = model.theme;
    let kind = if message.kind.is_empty() { "-" } else { &message.kind };
    let place = format!("{}/{}", message.partition, message.offset);
    let mut spans = vec![
        Span::styled(
            format!(" {} ", if message.stamp == 0 { "            ".to_owned() } else { clock(message.stamp) }),
            theme.style(Tone::Quiet),
        ),
        Span::styled(fit(&plain(&message.topic), 15, theme.ascii), hue(model, &message.topic)),
        Span::styled(fit_right(&place, 8, theme.ascii), theme.style(Tone::Quiet)),
        Span::raw(" "),
        Span::styled(fit(&plain(kind), 20, theme.ascii), theme.style(Tone::Strong)),
        Span::raw(" "),
        Span::raw(fit(&plain(&message.key), 10, theme.ascii)),
        Span::raw(" "),
    ];
    let used = 14 + 15 + 8 + 1 + 20 + 1 + 10 + 1;
    if columns > used + 4 {
        // Where it is long, the beginning says what it is.
        let beginning: String = message.value.chars().take(columns).collect();
        let value = plain(&beginning);
        spans.push(Span::styled(cut(&value, columns - used, theme.ascii).into_owned(), theme.style(Tone::Quiet)));
    }
    Row::from(spans)
}

/// Place, headers and value of one message.
fn at_length(model: &Model, message: &Message, columns: usize) -> Vec<Row<'static>> {
    let theme = model.theme;
    let title = format!(
        "{} {} partition {} offset {} key {} ",
        theme.pick("──", "--"),
        plain(&message.topic),
        message.partition,
        message.offset,
        plain(&message.key)
    );
    let rest = columns.saturating_sub(crate::text::width(&title));
    let mut rows = vec![Row::styled(format!("{title}{}", theme.pick("─", "-").repeat(rest)), theme.style(Tone::Quiet))];
    if is_dead(&message.topic) {
        let why = header(message, "dlt_error").unwrap_or_default();
        let who = header(message, "dlt_group").unwrap_or_default();
        rows.push(Row::styled(format!(" {who} refused it: {why}"), theme.style(Tone::Bad)));
    }
    for (name, value) in &message.headers {
        rows.push(Row::from(vec![
            Span::styled(format!(" {} ", plain(name)), theme.style(Tone::Key)),
            Span::raw(plain(value)),
        ]));
    }
    let pretty =
        serde_json::from_str::<Value>(&message.value).ok().and_then(|value| serde_json::to_string_pretty(&value).ok());
    let value = pretty.as_deref().unwrap_or(&message.value);
    rows.extend(value.lines().take(200).map(|line| Row::raw(format!(" {}", plain(line)))));
    rows
}
