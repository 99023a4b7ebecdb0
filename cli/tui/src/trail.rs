//! Where the user was before he followed an order or a trace: going back takes that up as it was left.

use crate::{
    kafka::Place,
    log,
    model::{Focus, Model, Tab},
    msg::Command,
    subject::Subject,
};

/// Spots that are kept, the last ones.
const MOST: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Trail(Vec<Spot>);

/// A view with what was selected in it.
#[derive(Debug)]
struct Spot {
    tab: Tab,
    focus: Focus,
    scroll: usize,
    resource: Option<String>,
    log: log::Spot,
    /// The filter of the messages, and the one with the cursor.
    messages: (String, Option<Place>),
    order: Option<i64>,
    opened: Option<Subject>,
}

impl Trail {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The user went somewhere else of his own.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

/// Notes where one is.
pub(crate) fn leave(model: &mut Model) {
    let spot = Spot {
        tab: model.tab,
        focus: model.focus,
        scroll: model.scroll,
        resource: model.selected.clone(),
        log: model.log.spot(),
        messages: (model.kafka.filter.clone(), model.kafka.held()),
        order: model.orders.selected,
        opened: model.orders.opened,
    };
    let spots = &mut model.trail.0;
    if spots.len() == MOST {
        spots.remove(0);
    }
    spots.push(spot);
}

/// Whether there was a way back.
pub(crate) fn go_back(model: &mut Model, commands: &mut Vec<Command>) -> bool {
    let Some(Spot { tab, focus, scroll, resource, log, messages, order, opened }) = model.trail.0.pop() else {
        return false;
    };
    (model.tab, model.focus, model.scroll, model.selected) = (tab, focus, scroll, resource);
    commands.extend(model.log.resume(log).map(Command::Log));
    let (filter, cursor) = messages;
    model.kafka.resume(filter, cursor);
    (model.orders.selected, model.orders.opened) = (order, opened);
    true
}
