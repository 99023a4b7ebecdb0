//! What databases, the supervisor and the logs know of an order. Money is in cents.

use serde::Serialize;

use crate::{event::Taken, moment::Stamp, money::amount};

/// The rows of one order as they stand now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    pub order: Option<Order>,
    /// Events in order's outbox, the oldest first.
    pub unpublished: Vec<Unpublished>,
    pub transactions: Vec<Transaction>,
    /// What the provider sends to payment.
    pub deliveries: Vec<Delivery>,
    pub webhooks: Vec<Webhook>,
    /// What payment still has to tell order.
    pub tellings: Vec<Telling>,
    pub refunds: Vec<Refund>,
    /// When payment heard that the order is cancelled.
    pub cancelled: Option<Stamp>,
    /// As recommender has it.
    pub interactions: Option<Interactions>,
    /// Events whose effects are in payment's and recommender's databases.
    pub taken: Vec<Taken>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Order {
    pub id: i64,
    pub account: i64,
    pub status: String,
    pub total_cents: i64,
    pub version: i64,
    pub lines: i64,
    pub created: Stamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unpublished {
    /// `ce_id`
    pub id: String,
    pub kind: String,
    pub occurred: Stamp,
}

/// One try to pay. Who knows a transaction's whole id may pay it: `id` is its beginning only, as elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transaction {
    pub id: String,
    pub status: String,
    pub amount_cents: i64,
    pub created: Stamp,
    /// When order had answered about its outcome, or nothing was left to tell.
    pub settled: Option<Stamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    pub transaction: String,
    /// What a person decided on the payment page.
    pub outcome: String,
    pub attempts: u32,
    /// When it is tried again; nothing once it was answered for good.
    pub due: Option<Stamp>,
    pub answer: Option<String>,
    pub created: Stamp,
    pub traceparent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Webhook {
    pub transaction: String,
    pub outcome: String,
    pub before: String,
    pub after: String,
    /// How often it came.
    pub deliveries: u32,
    pub first: Stamp,
    pub last: Stamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Telling {
    pub transaction: String,
    pub attempts: u32,
    pub due: Stamp,
    /// Of the last try that ended.
    pub error: Option<String>,
    pub traceparent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refund {
    pub transaction: String,
    pub amount_cents: i64,
    pub at: Stamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interactions {
    pub lines: i64,
    pub cancelled: bool,
    pub version: i64,
}

/// A resource of the instance, as its supervisor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resource {
    pub name: String,
    pub state: String,
    pub ready: bool,
    /// Why it is not.
    pub why: Option<String>,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    pub at: Stamp,
    pub resource: String,
    pub text: String,
}

/// A part of the story that could not be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    pub what: String,
    pub why: String,
}

/// A row in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// When it was written, where the row says so.
    pub at: Option<Stamp>,
    pub table: &'static str,
    pub what: String,
}

impl Facts {
    /// Every row in words, by time; those that carry none at the end.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut row = |at, table, what: String| rows.push(Row { at, table, what });
        if let Some(Order { status, total_cents, version, lines, created, .. }) = &self.order {
            let total = amount(*total_cents);
            row(Some(*created), "order_db.orders", format!("{status}, {total}, {lines} lines, version {version}"));
        }
        for Unpublished { kind, occurred, .. } in &self.unpublished {
            row(Some(*occurred), "order_db.outbox", format!("{kind}, not published yet"));
        }
        for Transaction { id, status, amount_cents, created, settled } in &self.transactions {
            let settled = match settled {
                Some(at) => format!("order had answered at {}", at.clock()),
                None => "order has not answered".to_owned(),
            };
            let what = format!("{id} {status}, {}, {settled}", amount(*amount_cents));
            row(Some(*created), "payment_db.transactions", what);
        }
        for Delivery { transaction, outcome, attempts, due, answer, created, .. } in &self.deliveries {
            let answer = answer.as_deref().unwrap_or("none");
            let state = if due.is_some() { "not delivered" } else { "delivered" };
            let tries = times(*attempts, "attempt");
            let what = format!("{transaction} {outcome}, {state}, {tries}, last answer {answer}");
            row(Some(*created), "payment_db.provider_deliveries", what);
        }
        for Webhook { transaction, outcome, before, after, deliveries, first, .. } in &self.webhooks {
            let what = format!("{transaction} {outcome}: {before} -> {after}, {}", times(*deliveries, "delivery"));
            row(Some(*first), "payment_db.webhooks", what);
        }
        for Refund { transaction, amount_cents, at } in &self.refunds {
            row(Some(*at), "payment_db.refunds", format!("{transaction} {}", amount(*amount_cents)));
        }
        if let Some(at) = self.cancelled {
            row(Some(at), "payment_db.orders", "heard that it is cancelled".to_owned());
        }
        for Telling { transaction, attempts, error, .. } in &self.tellings {
            let error = error.as_deref().unwrap_or("none");
            let tries = times(*attempts, "attempt");
            row(None, "payment_db.tellings", format!("{transaction}, {tries}, last error {error}"));
        }
        if let Some(Interactions { lines, cancelled, version }) = &self.interactions {
            let taken = self.taken.iter().filter(|taken| taken.group == "recommender").map(|taken| taken.at).max();
            let state = if *cancelled { "cancelled" } else { "learned from" };
            row(taken, "recommender_db.orders", format!("{lines} lines, {state}, version {version}"));
        }
        rows.sort_by_key(|row| (row.at.is_none(), row.at));
        rows
    }
}

/// `1 attempt`, `2 deliveries`
fn times(count: u32, what: &str) -> String {
    match (count, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {what}s"),
    }
}
