//! The latest orders and where each one is, from their events and from what the databases know.

mod station;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub(crate) use self::station::{Mark, Station};
use crate::{
    kafka::{self, Group, Kafka, Message, is_dead},
    subject::{Names, Subject, TraceId},
};

/// Orders that are kept, the latest ones.
const ORDERS: usize = 2000;
/// Nanoseconds after which an order that goes on no more counts as stuck: where a person is waited for, and where not.
const UNPAID: u64 = 60_000_000_000;
const UNAPPLIED: u64 = 10_000_000_000;
/// The topic whose records they are.
const TOPIC: &str = "order_events";

/// What is told of orders, by whoever reads the databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    pub orders: Vec<Known>,
    /// The databases that did not answer, with their errors: what only they know is unknown now.
    pub away: Vec<(Database, String)>,
}

/// Which orders somebody looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Look {
    #[default]
    Nothing,
    /// The latest ones, and this one, however old it is.
    Latest { and: Option<i64> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    Order,
    Payment,
    Recommender,
}

impl Database {
    pub(crate) const ALL: [Self; 3] = [Self::Order, Self::Payment, Self::Recommender];

    /// That of its resource.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Order => "order_db",
            Self::Payment => "payment_db",
            Self::Recommender => "recommender_db",
        }
    }
}

/// An order as the databases have it. Times are nanoseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub id: i64,
    pub account: i64,
    pub status: String,
    pub cents: i64,
    pub version: i64,
    pub created: u64,
    /// The oldest of its events that is not published yet.
    pub unpublished: Option<u64>,
    pub payment: Option<Payment>,
    /// The version that recommender has.
    pub applied: Option<i64>,
}

/// The last session in which it was, or is to be, paid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payment {
    /// Of the transaction.
    pub status: String,
    pub opened: u64,
    /// When somebody decided on the provider's page.
    pub decided: Option<u64>,
    /// When the webhook came.
    pub heard: Option<u64>,
    /// When order had answered about the outcome.
    pub told: Option<u64>,
    /// Why the last try to go on failed, how many there were, and when the next one is due.
    pub error: Option<String>,
    pub attempts: Option<u32>,
    pub due: Option<u64>,
}

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
    /// The traces that its events belong to.
    pub(crate) traces: BTreeSet<TraceId>,
    pub(crate) events: Vec<Event>,
    /// What the databases said last.
    pub(crate) known: Option<Known>,
}

/// One of its events, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Nanoseconds since 1970.
    pub(crate) stamp: u64,
    pub(crate) kind: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Who refused it, and why: it is a dead letter.
    pub(crate) refused: Option<String>,
}

impl Event {
    fn of(message: &Message) -> Self {
        let Message { stamp, partition, offset, .. } = *message;
        let told = |name: &str| kafka::header(message, name).unwrap_or_default();
        let refused =
            is_dead(&message.topic).then(|| format!("refused by {}: {}", told("dlt_group"), told("dlt_error")));
        Self { stamp, kind: message.kind.clone(), partition, offset, refused }
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.partition, self.offset, self.refused.is_some())
            == (other.partition, other.offset, other.refused.is_some())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Orders {
    all: BTreeMap<i64, Order>,
    /// The one with the cursor; the first if there is none.
    pub(crate) selected: Option<i64>,
    /// Of which the timeline is shown.
    pub(crate) opened: Option<Subject>,
    pub(crate) away: Vec<(Database, String)>,
    /// What is read from the databases.
    pub(crate) look: Look,
}

/// Something that is tried again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trying {
    pub(crate) error: Option<String>,
    pub(crate) attempts: Option<u32>,
    /// Nanoseconds since 1970.
    pub(crate) due: Option<u64>,
}

/// What an order waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Session,
    Provider,
    Retry,
    Webhook(Trying),
    Telling(Trying),
    Publishing,
    Recommender,
    /// These groups have not dealt with its last event yet.
    Groups(Vec<String>),
    /// Only this database knows, and it is away.
    Unseen(Database),
    Nothing,
}

impl Orders {
    pub(crate) fn take(&mut self, message: &Message) {
        let is_event = message.topic == TOPIC;
        let is_letter = message.topic.strip_prefix(TOPIC).is_some_and(is_dead);
        let (Some(id), true) = (message.order, is_event || is_letter) else { return };
        if is_letter && !self.all.contains_key(&id) {
            return;
        }
        let body: Value = serde_json::from_str(&message.value).unwrap_or_default();
        let data = &body["data"];
        let number = |name: &str| data[name].as_i64();
        let order = self.all.entry(id).or_insert_with(|| Order { id, created: message.stamp, ..Order::default() });
        let event = Event::of(message);
        if order.events.iter().any(|known| known.is_same(&event)) {
            return;
        }
        let place = order.events.partition_point(|known| known.stamp <= event.stamp);
        order.events.insert(place, event);
        if message.stamp > 0 {
            // Of an older order the first look may have missed the beginning.
            order.created = order.created.min(message.stamp);
        }
        order.traces.extend(Names::of_message(message).trace);
        // A redelivery may be older than what is known.
        let version = number("version").unwrap_or(order.version);
        if is_event && version >= order.version {
            order.version = version;
            order.status = data["status"].as_str().unwrap_or(&message.kind).to_owned();
            order.cents = number("total_cents").or(order.cents);
            order.account = number("account_id").or(order.account);
            (order.changed, order.partition, order.offset) = (message.stamp, message.partition, message.offset);
        }
        self.bound();
    }

    /// Takes what the databases know.
    pub(crate) fn learn(&mut self, news: News) {
        let is_blind = news.away.iter().any(|(away, _)| *away == Database::Payment);
        for mut known in news.orders {
            let order =
                self.all.entry(known.id).or_insert_with(|| Order { id: known.id, offset: -1, ..Order::default() });
            order.created = known.created;
            if known.version >= order.version {
                (order.version, order.status) = (known.version, known.status.clone());
                (order.cents, order.account) = (Some(known.cents), Some(known.account));
            }
            let payment = known.payment.iter().flat_map(|payment| {
                [Some(payment.opened), payment.decided, payment.heard, payment.told].into_iter().flatten()
            });
            order.changed = payment.chain([known.created, order.changed]).max().unwrap_or_default();
            if is_blind {
                known.payment = order.known.take().and_then(|before| before.payment);
            }
            order.known = Some(known);
        }
        self.away = news.away;
        self.bound();
    }

    fn bound(&mut self) {
        while self.all.len() > ORDERS {
            // What somebody looks at stays.
            let oldest = self.all.keys().find(|&&id| self.opened != Some(Subject::Order(id))).copied();
            let Some(oldest) = oldest else { return };
            self.all.remove(&oldest);
        }
    }

    pub(crate) fn get(&self, id: i64) -> Option<&Order> {
        self.all.get(&id)
    }

    /// The order that something is about, else the trace.
    pub(crate) fn subject(&self, names: Names) -> Option<Subject> {
        let order = names.order.or_else(|| self.of_trace(names.trace?));
        order.map(Subject::Order).or(names.trace.map(Subject::Trace))
    }

    /// The order with an event of this trace.
    pub(crate) fn of_trace(&self, trace: TraceId) -> Option<i64> {
        self.all.values().find(|order| order.traces.contains(&trace)).map(|order| order.id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn is_away(&self, database: Database) -> bool {
        self.away.iter().any(|(away, _)| *away == database)
    }

    pub(crate) fn place(&self, order: &Order, kafka: &Kafka) -> Place {
        match order.place(kafka) {
            place if place.is_the_shoppers() && self.is_away(Database::Payment) => Place::Unseen(Database::Payment),
            place => place,
        }
    }

    /// Whether anything is still to happen.
    pub(crate) fn is_under_way(&self, order: &Order, kafka: &Kafka) -> bool {
        self.place(order, kafka) != Place::Nothing
    }

    /// Whether an order goes on no more, at this time.
    pub(crate) fn is_stuck(&self, order: &Order, kafka: &Kafka, wall: u64) -> bool {
        let age = wall.saturating_sub(order.changed);
        match self.place(order, kafka) {
            Place::Nothing | Place::Unseen(_) => false,
            place if place.is_the_shoppers() => age > UNPAID,
            _ => age > UNAPPLIED,
        }
    }

    /// The stuck ones first: those that nobody but the shop can move before those that wait for their shopper, the longest
    /// of them before all; then the latest.
    pub(crate) fn listed(&self, kafka: &Kafka, wall: u64) -> Vec<(&Order, bool)> {
        let rank = |order: &Order| match self.is_stuck(order, kafka, wall) {
            true if self.place(order, kafka).is_the_shoppers() => 1,
            true => 0,
            false => 2,
        };
        let mut orders: Vec<_> = self.all.values().map(|order| (order, rank(order))).collect();
        orders.sort_by_key(|(order, rank)| {
            (*rank, if *rank < 2 { order.changed } else { u64::MAX - order.created }, std::cmp::Reverse(order.id))
        });
        orders.into_iter().map(|(order, rank)| (order, rank < 2)).collect()
    }
}

impl Payment {
    fn trying(&self) -> Trying {
        Trying { error: self.error.clone(), attempts: self.attempts, due: self.due }
    }

    /// Also a webhook that somebody else sent changes the transaction.
    fn is_heard(&self) -> bool {
        self.heard.is_some() || matches!(self.status.as_str(), "SUCCESS" | "FAILED" | "REFUNDED")
    }
}

impl Place {
    /// Whether nobody but the shopper can go on.
    pub(crate) fn is_the_shoppers(&self) -> bool {
        match self {
            Self::Session | Self::Provider | Self::Retry => true,
            Self::Webhook(_) | Self::Telling(_) | Self::Publishing | Self::Recommender => false,
            Self::Groups(_) | Self::Unseen(_) | Self::Nothing => false,
        }
    }
}

impl Order {
    fn place(&self, kafka: &Kafka) -> Place {
        let is_open = matches!(self.status.as_str(), "PENDING" | "PAYMENT_FAILED");
        let Some(known) = &self.known else {
            let behind: Vec<String> =
                kafka.groups.iter().filter(|group| self.waits_for(group)).map(|group| group.name.clone()).collect();
            return match is_open {
                _ if !behind.is_empty() => Place::Groups(behind),
                true => Place::Provider,
                false => Place::Nothing,
            };
        };
        if known.unpublished.is_some() {
            return Place::Publishing;
        }
        if let Some(payment) = &known.payment {
            // Money that was taken, or refused, and order does not know.
            if payment.is_heard() && payment.told.is_none() && self.status != "PAID" {
                return Place::Telling(payment.trying());
            }
            if payment.decided.is_some() && !payment.is_heard() && payment.status == "PENDING" {
                return Place::Webhook(payment.trying());
            }
        }
        if known.applied.is_some_and(|applied| applied < self.version) {
            return Place::Recommender;
        }
        match &known.payment {
            _ if !is_open => Place::Nothing,
            None => Place::Session,
            Some(payment) if payment.status == "PENDING" => Place::Provider,
            Some(_) => Place::Retry,
        }
    }

    fn waits_for(&self, group: &Group) -> bool {
        let here =
            group.partitions.iter().find(|partition| partition.topic == TOPIC && partition.partition == self.partition);
        here.and_then(|partition| partition.committed).is_some_and(|committed| committed <= self.offset)
    }
}

#[cfg(test)]
mod tests;
