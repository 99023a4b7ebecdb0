//! What keys that move do, in the list of each view.

use crate::{
    log::Source,
    model::{Focus, Model, Tab},
    msg::Command,
    view::layout,
};

/// Whether keys that move mean the log.
pub(super) fn is_in_log(model: &Model) -> bool {
    let areas = layout::home(model);
    model.tab == Tab::Home && areas.log.is_some() && (model.focus == Focus::Log || areas.list.is_none())
}

pub(super) fn step(model: &mut Model, by: i64, commands: &mut Vec<Command>) {
    if is_in_log(model) {
        model.log.step(by);
    } else if model.tab == Tab::Home {
        select_by(model, by, commands);
    } else if model.tab == Tab::Kafka {
        model.kafka.step(by);
    } else if model.tab == Tab::Orders && model.orders.opened.is_none() {
        select_order(model, by);
    } else if model.tab == Tab::Checkout {
        model.checkout.step(by as isize);
    } else {
        model.scroll = model.scroll.saturating_add_signed(by as isize).min(crate::view::last_scroll(model));
    }
}

pub(super) fn page(model: &mut Model, pages: i64) {
    if model.tab == Tab::Home {
        // Also from the list: there the arrows are enough.
        model.with_rows(|log, rows, height| log.scroll(pages * (height as i64 - 1).max(1), rows, height));
    } else if model.tab == Tab::Kafka {
        model.kafka.step(pages * (i64::from(model.size.height) / 2).max(1));
    } else if model.tab == Tab::Orders && model.orders.opened.is_none() {
        select_order(model, pages * (i64::from(model.size.height) - 3).max(1));
    } else {
        let height = isize::try_from(model.size.height).unwrap_or(1).saturating_sub(3).max(1);
        // Steps are seen from their end.
        let by = if model.tab == Tab::Checkout { -height } else { height } * pages as isize;
        model.scroll = model.scroll.saturating_add_signed(by).min(crate::view::last_scroll(model));
    }
}

pub(super) fn top(model: &mut Model, commands: &mut Vec<Command>) {
    if is_in_log(model) {
        commands.extend(model.log.go_to_begin().map(Command::Log));
    } else if model.tab == Tab::Home {
        select(model, None, commands);
    } else if model.tab == Tab::Kafka {
        model.kafka.step(i64::from(i32::MIN));
    } else if model.tab == Tab::Orders && model.orders.opened.is_none() {
        model.orders.selected = None;
    } else if model.tab == Tab::Checkout {
        model.checkout.step(isize::MIN);
    } else {
        model.scroll = 0;
    }
}

pub(super) fn end(model: &mut Model, commands: &mut Vec<Command>) {
    if is_in_log(model) {
        commands.extend(model.log.go_to_end().map(Command::Log));
    } else if model.tab == Tab::Home {
        let last = model.listed().last().map(|name| (*name).to_owned());
        select(model, last, commands);
    } else if model.tab == Tab::Kafka {
        model.kafka.cursor = None;
    } else if model.tab == Tab::Orders && model.orders.opened.is_none() {
        select_order(model, i64::from(i32::MAX));
    } else if model.tab == Tab::Checkout {
        model.checkout.step(isize::MAX);
    } else {
        model.scroll = crate::view::last_scroll(model);
    }
}

/// The next order of the list.
fn select_order(model: &mut Model, by: i64) {
    let listed = model.orders.listed(&model.kafka, model.now.wall);
    let at = model.orders.selected.and_then(|id| listed.iter().position(|(order, _)| order.id == id)).unwrap_or(0);
    let to = at.saturating_add_signed(by as isize).min(listed.len().saturating_sub(1));
    let id = listed.get(to).map(|(order, _)| order.id);
    model.orders.selected = id;
}

/// The next entry of the list; the first one is all of them.
fn select_by(model: &mut Model, by: i64, commands: &mut Vec<Command>) {
    let listed = model.listed();
    let at = model.selected.as_deref().and_then(|name| listed.iter().position(|found| *found == name));
    let at = at.map_or(0, |at| at + 1);
    let to = at.saturating_add_signed(by as isize).min(listed.len());
    let name = to.checked_sub(1).and_then(|index| listed.get(index)).map(|name| (*name).to_owned());
    if to != at {
        select(model, name, commands);
    }
}

pub(super) fn select(model: &mut Model, name: Option<String>, commands: &mut Vec<Command>) {
    if let Some(name) = &name {
        model.shop.errors.remove(name);
    } else {
        model.shop.errors.clear();
    }
    let source = name.clone().map_or(Source::All, Source::One);
    model.selected = name;
    if model.log.source != source {
        model.log.source = source;
        commands.push(Command::Log(model.log.reopen()));
    }
}
