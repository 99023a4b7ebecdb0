//! The latest orders, as their events tell.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::kafka::{self, Group, Kafka, Message};

/// Orders that are kept, the latest ones.
const ORDERS: usize = 2000;
/// Nanoseconds after which an order that goes on no more counts as stuck.
const UNPAID: u64 = 60_000_000_000;
const UNAPPLIED: u64 = 10_000_000_000;
/// The topic whose records they are.
const TOPIC: &str = "order_events";

#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) status: String,
    pub(crate) cents: Option<i64>,
    pub(crate) account: Option<i64>,
    version: i64,
    /// Nanoseconds since 1970: of its first and its last event.
    pub(crate) created: u64,
    pub(crate) changed: u64,
    /// Where the last one stands.
    partition: i32,
    offset: i64,
    /// The traces that its events belong to, by their ids.
    pub(crate) traces: BTreeSet<String>,
    /// Time and kind of each.
    pub(crate) events: Vec<(u64, String)>,
}

#[derive(Debug, Default)]
pub(crate) struct Orders {
    all: BTreeMap<i64, Order>,
    /// The one with the cursor; the first if there is none.
    pub(crate) selected: Option<i64>,
    /// Its timeline is shown.
    pub(crate) opened: bool,
}

/// Where an order is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It waits for its payment.
    Unpaid,
    /// These groups have not dealt with its last event yet.
    Untold(Vec<String>),
    Done,
}

impl Orders {
    pub(crate) fn take(&mut self, message: &Message) {
        let (Some(id), true) = (message.order, message.topic == TOPIC) else { return };
        let body: Value = serde_json::from_str(&message.value).unwrap_or_default();
        let data = &body["data"];
        let number = |name: &str| data[name].as_i64();
        let order = self.all.entry(id).or_insert_with(|| Order { id, created: message.stamp, ..Order::default() });
        order.events.push((message.stamp, message.kind.clone()));
        order.traces.extend(trace(message));
        // A redelivery may be older than what is known.
        let version = number("version").unwrap_or(order.version);
        if version >= order.version {
            order.version = version;
            order.status = data["status"].as_str().unwrap_or(&message.kind).to_owned();
            order.cents = number("total_cents").or(order.cents);
            order.account = number("account_id").or(order.account);
            (order.changed, order.partition, order.offset) = (message.stamp, message.partition, message.offset);
        }
        if self.all.len() > ORDERS {
            self.all.pop_first();
        }
    }

    pub(crate) fn get(&self, id: i64) -> Option<&Order> {
        self.all.get(&id)
    }

    /// The stuck ones first, the longest of them before all; then the latest.
    pub(crate) fn listed(&self, kafka: &Kafka, wall: u64) -> Vec<(&Order, bool)> {
        let mut orders: Vec<_> = self.all.values().map(|order| (order, order.is_stuck(kafka, wall))).collect();
        orders.sort_by_key(|(order, stuck)| {
            (!stuck, if *stuck { order.changed } else { u64::MAX - order.created }, std::cmp::Reverse(order.id))
        });
        orders
    }
}

/// The id in the header `traceparent`: 32 hexadecimal digits after the version.
fn trace(message: &Message) -> Option<String> {
    let header = kafka::header(message, "traceparent")?;
    let id = header.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
}

impl Order {
    pub(crate) fn stage(&self, kafka: &Kafka) -> Stage {
        let behind: Vec<String> =
            kafka.groups.iter().filter(|group| self.waits_for(group)).map(|group| group.name.clone()).collect();
        match self.status.as_str() {
            _ if !behind.is_empty() => Stage::Untold(behind),
            "PENDING" | "PAYMENT_FAILED" => Stage::Unpaid,
            _ => Stage::Done,
        }
    }

    fn waits_for(&self, group: &Group) -> bool {
        let here =
            group.partitions.iter().find(|partition| partition.topic == TOPIC && partition.partition == self.partition);
        here.and_then(|partition| partition.committed).is_some_and(|committed| committed <= self.offset)
    }

    pub(crate) fn is_stuck(&self, kafka: &Kafka, wall: u64) -> bool {
        let age = wall.saturating_sub(self.changed);
        match self.stage(kafka) {
            Stage::Unpaid => age > UNPAID,
            Stage::Untold(_) => age > UNAPPLIED,
            Stage::Done => false,
        }
    }
}
