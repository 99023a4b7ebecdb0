//! From a log line, a message or an order to all else that belongs to it, and back.

use super::{keys::show, moves};
use crate::{
    kafka::Ask,
    log::{Filter, Request, Source},
    mentions::Wish,
    model::{Focus, Model, Tab},
    msg::Command,
    subject::{self, Names, Subject, TraceId},
    theme::Tone,
    trail,
};

/// Traces whose lines are looked for: each look at an order is one.
const TRACES: usize = 200;
/// A request begins before it has made its order, in nanoseconds.
const BEFORE: u64 = 5_000_000_000;
/// So long after the last change of an order, in nanoseconds, somebody may still write about it.
const AFTER: u64 = 10_000_000_000;

/// What is named where the cursor is.
pub(super) fn named(model: &Model) -> Option<Names> {
    let of_order = |order| Names { order, trace: None };
    let names = match model.tab {
        Tab::Home if moves::is_in_log(model) => Names::of_line(&model.log.get(model.log.cursor)?.text),
        Tab::Kafka => Names::of_message(model.kafka.selected()?),
        Tab::Orders => model.orders.opened.map_or_else(|| of_order(selected(model)), Names::from),
        Tab::Checkout => of_order(model.checkout.order()),
        Tab::Home | Tab::Flow | Tab::Why | Tab::Boot => Names::default(),
    };
    (names != Names::default()).then_some(names)
}

/// The order with the cursor.
pub(super) fn selected(model: &Model) -> Option<i64> {
    let first = || model.orders.listed(&model.kafka, model.now.wall).first().map(|(order, _)| order.id);
    model.orders.selected.or_else(first)
}

/// Shows all that happened to what is named there; whether anything is.
pub(super) fn open_named(model: &mut Model) -> bool {
    let Some(subject) = named(model).and_then(|names| model.orders.subject(names)) else { return false };
    hold(model);
    open(model, subject);
    true
}

/// Shows all that happened to it.
pub(super) fn open(model: &mut Model, subject: Subject) {
    if model.tab == Tab::Orders && model.orders.opened == Some(subject) {
        return;
    }
    // From the list of orders it is not another place that one goes to, only further in.
    if model.tab != Tab::Orders || model.orders.opened.is_some() {
        trail::leave(model);
    }
    show(model, Tab::Orders);
    if let Subject::Order(id) = subject {
        model.orders.selected = Some(id);
    }
    model.orders.opened = Some(subject);
}

/// Shows the log lines of what is named there.
pub(super) fn lines(model: &mut Model, commands: &mut Vec<Command>) {
    let Some((names, subject)) = follow(model) else { return };
    if model.tab == Tab::Home && model.log.about == Some(subject) {
        return;
    }
    trail::leave(model);
    let only = pattern(model, subject, names.trace);
    show(model, Tab::Home);
    (model.focus, model.selected) = (Focus::Log, None);
    model.log.source = Source::All;
    model.log.filter = Filter { only: Some(only), level: None };
    (model.log.about, model.log.search) = (Some(subject), None);
    commands.push(Command::Log(model.log.reopen()));
}

/// Shows the messages of what is named there.
pub(super) fn messages(model: &mut Model) {
    let Some((_, subject)) = follow(model) else { return };
    let filter = match subject {
        Subject::Order(id) => format!("order:{id}"),
        // Anywhere, and so in its headers.
        Subject::Trace(id) => id.to_string(),
    };
    if model.tab == Tab::Kafka && model.kafka.filter == filter {
        return;
    }
    trail::leave(model);
    show(model, Tab::Kafka);
    model.kafka.set_filter(filter);
}

fn follow(model: &mut Model) -> Option<(Names, Subject)> {
    let names = named(model);
    let Some((names, subject)) = names.and_then(|names| Some((names, model.orders.subject(names)?))) else {
        model.say("nothing here names an order or a trace", Tone::Plain);
        return None;
    };
    hold(model);
    Some((names, subject))
}

/// Keeps the cursor where it is: whoever comes back wants to find it there.
fn hold(model: &mut Model) {
    if moves::is_in_log(model) {
        model.log.pause();
    } else if model.tab == Tab::Kafka {
        model.kafka.hold();
    }
}

/// Where a trace is opened, and it turns out that it belongs to an order, this is the order.
pub(super) fn resolve(model: &mut Model) {
    let Some(subject @ Subject::Trace(trace)) = model.orders.opened else { return };
    let told = model.spans.as_ref().filter(|told| told.about == subject);
    let order = match told.map(|told| &told.orders[..]) {
        Some([order]) => Some(*order),
        // Of a trace with several orders none is the one.
        Some([_, _, ..]) => None,
        Some([]) | None => model.orders.of_trace(trace),
    };
    if let Some(id) = order {
        (model.orders.selected, model.orders.opened) = (Some(id), Some(Subject::Order(id)));
    }
}

/// Messages of an order from before anybody looked at Kafka, where some are missing.
pub(super) fn look_for_events(model: &mut Model) -> Option<Ask> {
    let id = match (model.tab, model.orders.opened) {
        (Tab::Orders, Some(Subject::Order(id))) => id,
        (Tab::Kafka, _) => model.kafka.only()?,
        _ => return None,
    };
    if !model.kafka.looking || model.kafka.sought == Some(id) {
        return None;
    }
    let known = model.orders.get(id).and_then(|order| Some((order, order.known.as_ref()?)));
    let ask = match known {
        Some((order, known)) => {
            let events = i64::try_from(order.events.len()).unwrap_or(i64::MAX);
            let is_missing = known.unpublished.is_none() && events < known.version;
            is_missing.then(|| Ask::Events {
                order: id,
                since: Some(order.created.saturating_sub(BEFORE)),
                version: Some(known.version),
            })?
        }
        // The databases tell in a moment how much there is to be found.
        None if model.tab == Tab::Orders => return None,
        None => Ask::Events { order: id, since: None, version: None },
    };
    model.kafka.sought = Some(id);
    Some(ask)
}

/// What is to be asked about what is opened.
pub(super) fn look_at_lines(model: &mut Model) -> Option<Request> {
    let about = model.orders.opened.filter(|_| model.tab == Tab::Orders)?;
    let order = match about {
        Subject::Order(id) => model.orders.get(id),
        Subject::Trace(_) => None,
    };
    let told = model.spans.as_ref().filter(|told| told.about == about).map_or(0, |told| told.lines.len());
    let wish = Wish {
        about,
        pattern: pattern(model, about, None),
        since: order.map_or(0, |order| order.created.saturating_sub(BEFORE)),
        heard: told + order.map_or(0, |order| order.events.len()),
    };
    let goes_on = order.is_some_and(|order| {
        let is_new = model.now.wall.saturating_sub(order.changed) < AFTER;
        is_new || model.orders.is_under_way(order, &model.kafka)
    });
    model.mentions.ask(wish, goes_on, model.now.since)
}

/// Matches the lines about it: of all its traces that are known, and of this one.
fn pattern(model: &Model, subject: Subject, own: Option<TraceId>) -> String {
    let Names { order, trace } = subject.into();
    let events = order.and_then(|id| model.orders.get(id)).into_iter().flat_map(|order| order.traces.iter().copied());
    let told = model.spans.iter().filter(|told| told.about == subject).flat_map(|told| told.traces.iter().copied());
    let mut traces: Vec<TraceId> = own.into_iter().chain(trace).chain(events).chain(told).take(TRACES).collect();
    traces.sort_unstable();
    traces.dedup();
    subject::pattern(order, traces)
}
