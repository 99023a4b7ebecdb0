//! The latest orders and where each one is now; of one, all that happened to it.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line as Row, Span},
};

use super::put;
use crate::{
    line::{ago, clock},
    model::Model,
    orders::{Order, Stage},
    text::{fit, fit_right, plain},
    theme::{Theme, Tone},
};

pub(super) fn list(model: &Model, buffer: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let listed = model.orders.listed(&model.kafka, model.now.wall);
    put(
        buffer,
        area,
        0,
        &Row::styled("      order  status              age       total  where it is", theme.style(Tone::Quiet)),
    );
    let inside = Rect { y: area.y + area.height.min(1), height: area.height.saturating_sub(1), ..area };
    if listed.is_empty() {
        put(
            buffer,
            inside,
            0,
            &Row::styled("  no order since this view was opened first; `c` plays a checkout", theme.style(Tone::Quiet)),
        );
        return;
    }
    let at = model.orders.selected.and_then(|id| listed.iter().position(|(order, _)| order.id == id)).unwrap_or(0);
    let height = usize::from(inside.height);
    let first = (at + 1 + (height / 4)).saturating_sub(height).min(listed.len().saturating_sub(height));
    for (y, (index, (order, stuck))) in (0..inside.height).zip(listed.iter().enumerate().skip(first)) {
        put(buffer, inside, y, &one(model, order, *stuck));
        if index == at {
            buffer.set_style(
                Rect { y: inside.y + y, height: 1, ..inside }.intersection(buffer.area),
                theme.style(Tone::Selected),
            );
        }
    }
}

fn one(model: &Model, order: &Order, stuck: bool) -> Row<'static> {
    let theme = model.theme;
    let age = ago(model.now.wall.saturating_sub(order.created));
    let (sign, sign_tone) = if stuck { (theme.pick("▲", "!"), Tone::Warning) } else { (" ", Tone::Plain) };
    let (text, tone) = place(model, order, stuck);
    Row::from(vec![
        Span::styled(format!(" {sign} "), theme.style(sign_tone)),
        Span::raw(fit_right(&order.id.to_string(), 8, theme.ascii)),
        Span::raw("  "),
        status(theme, &order.status, 16),
        Span::raw(fit_right(&age, 7, theme.ascii)),
        Span::raw(fit_right(&order.cents.map(money).unwrap_or_default(), 12, theme.ascii)),
        Span::raw("  "),
        Span::styled(text, theme.style(tone)),
    ])
}

fn status(theme: Theme, status: &str, columns: usize) -> Span<'static> {
    let tone = match status {
        "PAID" => Tone::Good,
        "PENDING" => Tone::Busy,
        "PAYMENT_FAILED" => Tone::Bad,
        _ => Tone::Quiet,
    };
    Span::styled(fit(&plain(status), columns, theme.ascii), theme.style(tone))
}

/// Cents as an amount.
fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents.unsigned_abs() % 100)
}

fn place(model: &Model, order: &Order, stuck: bool) -> (String, Tone) {
    let tone = if stuck { Tone::Warning } else { Tone::Busy };
    match order.stage(&model.kafka) {
        Stage::Unpaid if order.status == "PAYMENT_FAILED" => ("waits for another try to pay".to_owned(), tone),
        Stage::Unpaid => ("waits for its payment".to_owned(), tone),
        Stage::Untold(groups) => (format!("published; not applied yet by {}", plain(&groups.join(", "))), tone),
        Stage::Done => ("applied everywhere".to_owned(), Tone::Quiet),
    }
}

/// What events and logs tell of the order that is opened, by time.
pub(super) fn timeline(model: &Model) -> Vec<Row<'static>> {
    let theme = model.theme;
    let Some(id) = model.orders.selected else { return Vec::new() };
    let mut rows = Vec::new();
    let mut entries: Vec<(u64, Row<'static>)> = Vec::new();
    let begin = model.orders.get(id).map_or(0, |order| order.created);
    let since = |stamp: u64| {
        if begin == 0 || stamp < begin { String::new() } else { format!("+{}", ago(stamp - begin)) }
    };
    match model.orders.get(id) {
        Some(order) => {
            let stuck = order.is_stuck(&model.kafka, model.now.wall);
            let (text, tone) = place(model, order, stuck);
            let account = order.account.map(|account| format!("of account {account}, ")).unwrap_or_default();
            rows.push(Row::from(vec![
                Span::styled(format!(" order {id}  "), theme.style(Tone::Strong)),
                status(theme, &order.status, order.status.len() + 2),
                Span::raw(format!("{account}{}  ", order.cents.map(money).unwrap_or_default())),
                Span::styled(text, theme.style(tone)),
            ]));
            for (stamp, kind) in &order.events {
                entries.push((
                    *stamp,
                    Row::from(vec![
                        Span::styled(format!(" {} ", clock(*stamp)), theme.style(Tone::Quiet)),
                        Span::raw(fit_right(&since(*stamp), 8, theme.ascii)),
                        Span::styled("  event     ", theme.style(Tone::Key)),
                        Span::styled(plain(kind), theme.style(Tone::Strong)),
                    ]),
                ));
            }
        }
        None => rows.push(Row::styled(
            format!(" order {id}: its events are not among those that were read"),
            theme.style(Tone::Quiet),
        )),
    }
    rows.push(Row::default());
    let shape = crate::line::Shape {
        names: None,
        wrap: false,
        stamps: crate::log::Stamps::Off,
        ..model.shape(usize::from(model.size.width).saturating_sub(36).max(10))
    };
    for line in &model.mentions {
        let mut spans = vec![
            Span::styled(format!(" {} ", clock(line.stamp)), theme.style(Tone::Quiet)),
            Span::raw(fit_right(&since(line.stamp), 8, theme.ascii)),
            Span::raw("  "),
            Span::styled(fit(&plain(&line.resource), 10, theme.ascii), model.hue(&line.resource)),
        ];
        let row = shape.rows(line, false, model.hue(&line.resource), false).into_iter().next().unwrap_or_default();
        spans.extend(row.spans);
        entries.push((line.stamp, Row::from(spans)));
    }
    entries.sort_by_key(|(stamp, _)| *stamp);
    rows.extend(entries.into_iter().map(|(_, row)| row));
    rows
}
