//! All that is known of one order, or of one trace.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    event::{Event, Reading},
    facts::{Facts, LogLine, Missing, Order, Resource, Row},
    moment::{Stamp, Took},
    span::Span,
    tree::{Trace, traces},
    wait::{Scene, Wait, waits},
};

/// Who takes in orders' events to recommend by them.
const RECOMMENDER: &str = "recommender";

/// What `shopctl trace --json` prints. Fields may be added; those that are there keep their meaning. Moments are RFC 3339 in
/// UTC, durations seconds, money cents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Story {
    /// Of this form: 1.
    pub version: u32,
    /// When it was looked at.
    pub now: Stamp,
    /// The order's number, if one was asked for or found.
    pub order: Option<i64>,
    /// The order as its service has it.
    pub status: Option<Order>,
    /// Its states by time.
    pub changes: Vec<Change>,
    pub milestones: Milestones,
    /// What has to happen next; empty once it is final, and everyone knows it.
    pub waits: Vec<Wait>,
    /// By their beginnings.
    pub traces: Vec<Trace>,
    /// By their times; those of dead letters, too.
    pub events: Vec<Event>,
    pub database: Facts,
    /// The same in words, by time.
    pub rows: Vec<Row>,
    /// Lines of the logs that belong to its traces or name the order, by time.
    pub lines: Vec<LogLine>,
    /// Parts that could not be told.
    pub missing: Vec<Missing>,
}

/// An order came to have a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub status: String,
    pub at: Stamp,
    pub version: Option<i64>,
}

/// How long it took, from its creation on; nothing where it has not come that far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Milestones {
    pub created: Option<Stamp>,
    /// Until the order was PAID.
    pub paid: Option<Took>,
    /// Until recommender had taken in that it is.
    pub recommended: Option<Took>,
}

/// What a story is made of.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    pub now: Stamp,
    pub order: Option<i64>,
    pub facts: Facts,
    pub events: Vec<Event>,
    pub readings: Vec<Reading>,
    pub resources: Vec<Resource>,
    pub spans: Vec<Span>,
    pub lines: Vec<LogLine>,
    pub missing: Vec<Missing>,
}

impl Story {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { now, order, facts, mut events, readings, resources, spans, mut lines, missing } = parts;
        events
            .sort_by(|a, b| (a.time, &a.topic, a.partition, a.offset).cmp(&(b.time, &b.topic, b.partition, b.offset)));
        lines.sort_by_key(|line| line.at);
        let waits = waits(&Scene { facts: &facts, events: &events, readings: &readings, resources: &resources });
        let changes = changes(&facts, &events);
        let milestones = milestones(&facts, &events, &changes);
        Self {
            version: 1,
            now,
            order,
            status: facts.order.clone(),
            changes,
            milestones,
            waits,
            traces: traces(spans),
            events,
            rows: facts.rows(),
            database: facts,
            lines,
            missing,
        }
    }

    /// Its last status, by its service or else by its events.
    #[must_use]
    pub fn last_status(&self) -> Option<&str> {
        let told = self.changes.last().map(|change| change.status.as_str());
        self.status.as_ref().map(|order| order.status.as_str()).or(told)
    }

    /// Nothing will come any more, unless somebody lends a hand.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let is_final = matches!(self.last_status(), Some("PAID" | "CANCELLED"));
        is_final && self.waits.iter().all(|wait| wait.r#for == crate::For::Hand)
    }
}

/// What the events say, each once; without them what the rows let know.
fn changes(facts: &Facts, events: &[Event]) -> Vec<Change> {
    let mut seen = BTreeSet::new();
    let mut changes = Vec::new();
    for event in events.iter().filter(|event| !event.is_dead()) {
        let (Some(status), Some(at)) = (&event.status, event.occurred.or(event.time)) else { continue };
        if seen.insert((event.version, event.id.clone())) {
            changes.push(Change { status: status.clone(), at, version: event.version });
        }
    }
    changes.sort_by_key(|change| (change.version, change.at));
    if let (true, Some(order)) = (changes.is_empty(), &facts.order) {
        // Made as such, whatever it is now.
        changes.push(Change { status: "PENDING".to_owned(), at: order.created, version: Some(1) });
        let paid = facts.transactions.iter().find(|one| one.status == "SUCCESS").and_then(|one| one.settled);
        if let ("PAID", Some(at)) = (order.status.as_str(), paid) {
            changes.push(Change { status: order.status.clone(), at, version: Some(order.version) });
        }
    }
    changes
}

fn milestones(facts: &Facts, events: &[Event], changes: &[Change]) -> Milestones {
    let first = changes.iter().map(|change| change.at).min();
    let created = facts.order.as_ref().map(|order| order.created).or(first);
    let Some(begin) = created else { return Milestones::default() };
    let paid = changes.iter().find(|change| change.status == "PAID").map(|change| change.at.since(begin));
    let told = events.iter().find(|event| event.status.as_deref() == Some("PAID") && !event.is_dead());
    let taken = told.and_then(|event| {
        facts.taken.iter().find(|taken| taken.group == RECOMMENDER && Some(&taken.event) == event.id.as_ref())
    });
    Milestones { created, paid, recommended: taken.map(|taken| taken.at.since(begin)) }
}
