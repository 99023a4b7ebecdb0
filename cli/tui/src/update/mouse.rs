//! What the mouse does: a click selects, the wheel scrolls what is under it.

use ratatui::{
    crossterm::event::{MouseEvent, MouseEventKind},
    layout::Position,
};

use super::{keys, moves};
use crate::{
    action::Intent,
    model::{Focus, Model, Tab},
    msg::Command,
    view::{self, layout},
};

/// Rows that one notch of the wheel scrolls.
const NOTCH: i64 = 3;

pub(super) fn point(model: &mut Model, mouse: MouseEvent, commands: &mut Vec<Command>) {
    if model.dialogue.is_some() {
        return;
    }
    let at = Position::new(mouse.column, mouse.row);
    match mouse.kind {
        MouseEventKind::Down(_) => click(model, at, commands),
        MouseEventKind::ScrollUp => wheel(model, at, -NOTCH, commands),
        MouseEventKind::ScrollDown => wheel(model, at, NOTCH, commands),
        MouseEventKind::Up(_)
        | MouseEventKind::Drag(_)
        | MouseEventKind::Moved
        | MouseEventKind::ScrollLeft
        | MouseEventKind::ScrollRight => {}
    }
}

fn click(model: &mut Model, at: Position, commands: &mut Vec<Command>) {
    if let Some((tab, _)) = layout::tabs(model).into_iter().find(|(_, area)| area.contains(at)) {
        return keys::want(model, Intent::Show(tab), commands);
    }
    let body = layout::body(model);
    match model.tab {
        Tab::Home => {}
        Tab::Kafka => return view::kafka_entry(model, at).into_iter().for_each(|place| model.kafka.select(place)),
        Tab::Orders if model.orders.opened.is_none() => {
            if let Some(order) = view::order_entry(model, body, at.y) {
                model.orders.selected = Some(order);
            }
            return;
        }
        Tab::Checkout => {
            let list = view::checkout_areas(model).0.filter(|list| list.contains(at));
            if let Some(place) = list.and_then(|list| view::checkout_entry(model, list, at.y)) {
                model.checkout.selected = place;
            }
            return;
        }
        Tab::Flow | Tab::Orders | Tab::Why | Tab::Boot => return,
    }
    let areas = layout::home(model);
    if let Some(list) = areas.list.filter(|list| list.contains(at)) {
        model.focus = Focus::List;
        if let Some(name) = view::list_entry(model, list, at.y - list.y) {
            moves::select(model, name, commands);
        }
    } else if let Some(log) = areas.log.filter(|log| log.contains(at)) {
        model.focus = Focus::Log;
        model.log.pause();
        let wanted = usize::from(at.y - log.y);
        model.with_rows(|log, rows, _| {
            let mut below = 0;
            let hit = log.from(log.top).find(|(_, line)| {
                below += rows(line);
                below > wanted
            });
            log.cursor = hit.map_or(log.last(), |(number, _)| number);
        });
    }
}

fn wheel(model: &mut Model, at: Position, by: i64, commands: &mut Vec<Command>) {
    if model.tab == Tab::Home && layout::home(model).log.is_some_and(|log| log.contains(at)) {
        return model.with_rows(|log, rows, height| log.scroll(by, rows, height));
    }
    let intent = if by < 0 { Intent::Up } else { Intent::Down };
    if model.tab == Tab::Home {
        model.focus = Focus::List;
        return keys::want(model, intent, commands);
    }
    (0..NOTCH).for_each(|_| keys::want(model, intent.clone(), commands));
}
