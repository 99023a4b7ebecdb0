//! What is wanted of the traces that the services send, and what they tell.

use crate::{
    model::{Model, Tab},
    subject::{Subject, TraceId},
    view::layout,
};

/// What is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Look {
    #[default]
    Nothing,
    /// What each resource was asked for.
    Rates,
    /// Who calls whom.
    Traffic,
    /// The spans of an order or a trace, laid out for so many columns.
    Subject { about: Subject, columns: u16, ascii: bool },
}

/// What a resource was asked for in the last minute.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    pub resource: String,
    pub per_second: f64,
    pub requests: u64,
    /// How many of them failed.
    pub errors: u64,
    /// Nanoseconds that all but the slowest hundredth took at most.
    pub p99: u64,
}

/// What traces tell of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub about: Subject,
    /// Text with colours of its own.
    pub lines: Vec<String>,
    /// Those that it is part of, the newest first.
    pub traces: Vec<TraceId>,
    /// The orders that their spans name.
    pub orders: Vec<i64>,
}

impl Look {
    pub(crate) fn of(model: &Model) -> Self {
        match (model.tab, model.orders.opened) {
            (Tab::Home, _) if layout::has_rates(model) => Self::Rates,
            (Tab::Flow, _) => Self::Traffic,
            (Tab::Orders, Some(about)) => Self::Subject { about, columns: model.size.width, ascii: model.theme.ascii },
            (Tab::Home | Tab::Kafka | Tab::Orders | Tab::Checkout | Tab::Why | Tab::Boot, _) => Self::Nothing,
        }
    }
}
