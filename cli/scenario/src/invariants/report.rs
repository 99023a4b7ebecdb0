use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Claim,
    history::{History, Topic},
    violation::{Findings, Violation},
};

/// What came of looking at everything.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Nothing is violated.
    pub held: bool,
    /// Since it was asked for.
    pub seconds: f64,
    /// Seconds of these until the shop was quiet.
    pub waited: f64,
    /// What was still under way when the wait was over; then only what lasted 5 s counts.
    pub pending: Option<Pending>,
    pub checked: Checked,
    /// How many violations there are of each claim that is violated.
    pub counts: BTreeMap<Claim, usize>,
    /// Those themselves, at most 100 of each claim.
    pub violations: Vec<Violation>,
}

/// What is under way in a shop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// Events in order's outbox.
    pub outbox: i64,
    /// Records that recommender or payment has not dealt with.
    pub lag: i64,
    /// What payment has to tell order, and webhooks under way.
    pub payment: i64,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    pub claims: usize,
    pub orders: usize,
    pub lines: usize,
    pub transactions: usize,
    pub products: usize,
    /// Of products in recommender and payment, tombstones included.
    pub replicas: usize,
    /// Orders that recommender learns from.
    pub interactions: usize,
    /// In both topics, redeliveries included.
    pub records: usize,
    pub order_events: usize,
    pub product_events: usize,
    pub dead_letters: usize,
    /// Baskets of another shop, which are apart.
    pub imported: i64,
}

impl Pending {
    /// Nothing is under way.
    pub fn is_drained(self) -> bool {
        self == Self::default()
    }
}

impl Checked {
    pub(super) fn of(history: &History) -> Self {
        let distinct = |topic: Topic| {
            let ids = history.records.iter().filter(|record| record.place.topic == topic);
            ids.filter_map(|record| record.id.as_deref()).collect::<std::collections::HashSet<_>>().len()
        };
        Self {
            claims: Claim::ALL.len(),
            orders: history.orders.len(),
            lines: history.orders.iter().map(|order| order.lines.len()).sum(),
            transactions: history.payment.transactions.len(),
            products: history.catalog.len(),
            replicas: history.recommender.products.len() + history.payment.products.len(),
            interactions: history.recommender.orders.iter().filter(|order| !order.cancelled).count(),
            records: history.records.len(),
            order_events: distinct(Topic::Orders),
            product_events: distinct(Topic::Products),
            dead_letters: history.letters.len(),
            imported: history.recommender.imported,
        }
    }
}

impl Report {
    pub(super) fn new(checked: Checked, findings: Findings, pending: Pending) -> Self {
        let Findings { violations, counts } = findings;
        let pending = (!pending.is_drained()).then_some(pending);
        Self { held: violations.is_empty(), seconds: 0.0, waited: 0.0, pending, checked, counts, violations }
    }
}
