//! Counts who calls whom as spans come in, so that nobody has to read all of them to know.
//!
//! A call has two spans, the caller's and the other's, which come at different times and in either order; the first
//! waits a while for the second.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    chunk::Chunk,
    durations::Durations,
    facts::{Half, Side},
    span::{SpanId, TraceId},
    tally::Hop,
};

/// Seconds that one row of rates stands for.
pub(crate) const RATE_PERIOD: u64 = 10;
/// The same of edges.
pub(crate) const EDGE_PERIOD: u64 = 60;
/// How long one side of a call waits for the other, at least. Batches are sent every few seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
/// How many sides may wait.
const MOST_WAITING: usize = 20_000;

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Its begin: seconds since 1970.
    pub(crate) period: u64,
    pub(crate) what: What,
    pub(crate) from: Arc<str>,
    /// Empty for requests.
    pub(crate) to: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// That `from` was asked for.
    Requests,
    Edge(Hop),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) count: u64,
    pub(crate) errors: u64,
    /// When the last one began: nanoseconds since 1970.
    pub(crate) last: u64,
    pub(crate) durations: Durations,
}

impl Cell {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.errors += other.errors;
        self.last = self.last.max(other.last);
        self.durations.merge(&other.durations);
    }
}

type Place = (TraceId, SpanId);

/// One side of a call that waits for the other.
#[derive(Debug)]
struct Waiting {
    resource: Arc<str>,
    /// What a caller knows of whom it called.
    peer: Option<String>,
    at: u64,
    took: u64,
    failed: bool,
}

#[derive(Debug)]
pub(crate) struct Counter {
    cells: BTreeMap<Key, Cell>,
    /// By the caller's span; those of `older` have waited for a while.
    callers: HashMap<Place, Waiting>,
    older_callers: HashMap<Place, Waiting>,
    called: HashMap<Place, Waiting>,
    older_called: HashMap<Place, Waiting>,
    turned: Instant,
}

impl Counter {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            cells: BTreeMap::new(),
            callers: HashMap::new(),
            older_callers: HashMap::new(),
            called: HashMap::new(),
            older_called: HashMap::new(),
            turned: now,
        }
    }

    pub(crate) fn add(&mut self, chunk: &mut Chunk) {
        for half in std::mem::take(&mut chunk.halves) {
            self.add_half(chunk.trace, &chunk.resource, half);
        }
    }

    fn add_half(&mut self, trace: TraceId, resource: &Arc<str>, half: Half) {
        let Half { side, at, took, failed } = half;
        let waiting = |peer| Waiting { resource: Arc::clone(resource), peer, at, took, failed };
        match side {
            Side::Served { caller } => {
                self.requested(resource, at, took, failed);
                let Some(caller) = caller else { return };
                let place = (trace, caller);
                match self.callers.remove(&place).or_else(|| self.older_callers.remove(&place)) {
                    Some(call) => self.called(&call, &Arc::clone(resource), failed),
                    None if self.called.len() < MOST_WAITING => drop(self.called.insert(place, waiting(None))),
                    None => {}
                }
            }
            Side::Called { id, peer } => {
                let (place, call) = ((trace, id), waiting(Some(peer)));
                match self.called.remove(&place).or_else(|| self.older_called.remove(&place)) {
                    Some(other) => self.called(&call, &other.resource, other.failed),
                    None if self.callers.len() < MOST_WAITING => drop(self.callers.insert(place, call)),
                    None => self.unanswered(&call),
                }
            }
            Side::Queried { database } => self.edge(Hop::Query, resource, &database.into(), at, took, failed),
            Side::Published { topic } => self.edge(Hop::Publish, resource, &topic.into(), at, took, failed),
            Side::Consumed { topic } => {
                self.requested(resource, at, took, failed);
                self.edge(Hop::Consume, &topic.into(), resource, at, took, failed);
            }
        }
    }

    fn requested(&mut self, resource: &Arc<str>, at: u64, took: u64, failed: bool) {
        self.count(What::Requests, resource, &Arc::from(""), at, took, failed);
    }

    /// A call whose two sides are known; it takes as long as its caller sees it take.
    fn called(&mut self, call: &Waiting, to: &Arc<str>, failed: bool) {
        // What goes on within a resource is no edge.
        if call.resource != *to {
            self.edge(Hop::Call, &call.resource, to, call.at, call.took, call.failed || failed);
        }
    }

    fn unanswered(&mut self, call: &Waiting) {
        let to = call.peer.as_deref().unwrap_or_default().into();
        self.edge(Hop::Call, &call.resource, &to, call.at, call.took, call.failed);
    }

    fn edge(&mut self, hop: Hop, from: &Arc<str>, to: &Arc<str>, at: u64, took: u64, failed: bool) {
        self.count(What::Edge(hop), from, to, at, took, failed);
    }

    fn count(&mut self, what: What, from: &Arc<str>, to: &Arc<str>, at: u64, took: u64, failed: bool) {
        let period = match what {
            What::Requests => RATE_PERIOD,
            What::Edge(_) => EDGE_PERIOD,
        };
        let seconds = at / 1_000_000_000;
        let key = Key { period: seconds - seconds % period, what, from: Arc::clone(from), to: Arc::clone(to) };
        let cell = self.cells.entry(key).or_default();
        cell.count += 1;
        cell.errors += u64::from(failed);
        cell.last = cell.last.max(at);
        cell.durations.add(took);
    }

    /// Ends the wait of what has waited for long: a caller that nobody answered keeps what it knows of whom it called.
    pub(crate) fn turn(&mut self, now: Instant) {
        if now.duration_since(self.turned) < PATIENCE {
            return;
        }
        self.turned = now;
        let given_up = std::mem::replace(&mut self.older_callers, std::mem::take(&mut self.callers));
        for call in given_up.values() {
            self.unanswered(call);
        }
        self.older_called = std::mem::take(&mut self.called);
    }

    /// Whether somebody waits for [`Counter::turn`].
    pub(crate) fn waits(&self) -> bool {
        !self.callers.is_empty() || !self.older_callers.is_empty()
    }

    /// What was counted since the last time.
    pub(crate) fn take(&mut self) -> BTreeMap<Key, Cell> {
        std::mem::take(&mut self.cells)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: TraceId = TraceId([1; 16]);
    const CALL: SpanId = SpanId([2; 8]);

    fn half(side: Side, took: u64, failed: bool) -> Half {
        Half { side, at: 61_000_000_000, took, failed }
    }

    fn called() -> Half {
        half(Side::Called { id: CALL, peer: "127.0.0.1:8002".to_owned() }, 20, false)
    }

    fn served() -> Half {
        half(Side::Served { caller: Some(CALL) }, 10, true)
    }

    fn edges(counter: &mut Counter) -> Vec<(Hop, String, String, u64, u64, u64)> {
        let cells = counter.take().into_iter();
        let edges = cells.filter_map(|(key, cell)| match key.what {
            What::Edge(hop) => Some((
                hop,
                key.from.to_string(),
                key.to.to_string(),
                key.period,
                cell.errors,
                cell.durations.quantiles().max,
            )),
            What::Requests => None,
        });
        edges.collect()
    }

    #[test]
    fn a_call_is_one_edge_whichever_side_tells_first() {
        let wanted = [(Hop::Call, "order".to_owned(), "product".to_owned(), 60, 1, 20)];
        for order_first in [true, false] {
            let mut counter = Counter::new(Instant::now());
            let mut halves = [("order", called()), ("product", served())];
            if !order_first {
                halves.reverse();
            }
            for (resource, half) in halves {
                counter.add_half(TRACE, &resource.into(), half);
            }
            assert_eq!(edges(&mut counter), wanted);
        }
    }

    #[test]
    fn a_call_that_nobody_answers_leads_to_the_address_that_was_called() {
        let begin = Instant::now();
        let mut counter = Counter::new(begin);
        counter.add_half(TRACE, &"order".into(), called());
        counter.turn(begin + PATIENCE);
        assert!(counter.waits() && counter.is_empty());
        counter.turn(begin + 2 * PATIENCE);
        assert!(!counter.waits());
        let wanted = [(Hop::Call, "order".to_owned(), "127.0.0.1:8002".to_owned(), 60, 0, 20)];
        assert_eq!(edges(&mut counter), wanted);
    }

    #[test]
    fn topics_lie_between_those_who_publish_and_those_who_consume() {
        let mut counter = Counter::new(Instant::now());
        let topic = "order_events".to_owned();
        counter.add_half(TRACE, &"order".into(), half(Side::Published { topic: topic.clone() }, 1, false));
        counter.add_half(TRACE, &"payment".into(), half(Side::Consumed { topic }, 2, false));
        let ends: Vec<_> = edges(&mut counter).into_iter().map(|(hop, from, to, ..)| (hop, from, to)).collect();
        let hop = |hop, from: &str, to: &str| (hop, from.to_owned(), to.to_owned());
        assert_eq!(ends, [hop(Hop::Publish, "order", "order_events"), hop(Hop::Consume, "order_events", "payment"),]);
    }
}
