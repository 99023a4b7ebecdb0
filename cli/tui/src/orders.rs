//! The latest orders and where each one is, from their events and from what the databases know.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::kafka::{self, Group, Kafka, Message};

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
    /// Why the last try to go on failed.
    pub error: Option<String>,
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
    /// The traces that its events belong to, by their ids.
    pub(crate) traces: BTreeSet<String>,
    /// Time and kind of each.
    pub(crate) events: Vec<(u64, String)>,
    /// What the databases said last.
    pub(crate) known: Option<Known>,
}

#[derive(Debug, Default)]
pub(crate) struct Orders {
    all: BTreeMap<i64, Order>,
    /// The one with the cursor; the first if there is none.
    pub(crate) selected: Option<i64>,
    /// Its timeline is shown.
    pub(crate) opened: bool,
    pub(crate) away: Vec<(Database, String)>,
    /// Somebody reads the databases.
    pub(crate) looking: bool,
}

/// A station of an order's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Station {
    Created,
    Session,
    Paid,
    Webhook,
    Told,
    Published,
    Applied,
}

impl Station {
    pub(crate) const ALL: [Self; 7] =
        [Self::Created, Self::Session, Self::Paid, Self::Webhook, Self::Told, Self::Published, Self::Applied];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Session => "session opened",
            Self::Paid => "paid at the provider",
            Self::Webhook => "webhook received",
            Self::Told => "order told",
            Self::Published => "event published",
            Self::Applied => "recommender applied",
        }
    }

    /// The same in five columns.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::Created => "made",
            Self::Session => "sess",
            Self::Paid => "paid",
            Self::Webhook => "hook",
            Self::Told => "told",
            Self::Published => "publ",
            Self::Applied => "appl",
        }
    }
}

/// How an order stands to a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Passed,
    /// It is waited for.
    Next,
    /// The payment was refused there.
    Refused,
    /// Still far.
    Ahead,
    /// It never gets there, and need not.
    Spared,
    /// Whoever knows is away.
    Unknown,
}

/// What an order waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Session,
    Provider,
    Retry,
    Webhook(Option<String>),
    Telling(Option<String>),
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
            self.all.pop_first();
        }
    }

    pub(crate) fn get(&self, id: i64) -> Option<&Order> {
        self.all.get(&id)
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

    /// How an order stands to each station.
    pub(crate) fn marks(&self, order: &Order, kafka: &Kafka) -> [Mark; 7] {
        let next = match self.place(order, kafka) {
            Place::Session => Some(Station::Session),
            Place::Provider | Place::Retry => Some(Station::Paid),
            Place::Webhook(_) => Some(Station::Webhook),
            Place::Telling(_) => Some(Station::Told),
            Place::Publishing => Some(Station::Published),
            Place::Recommender => Some(Station::Applied),
            Place::Groups(_) | Place::Unseen(_) | Place::Nothing => None,
        };
        let known = order.known.as_ref();
        let payment = known.and_then(|known| known.payment.as_ref());
        let is_over = matches!(order.status.as_str(), "PAID" | "CANCELLED");
        let paid = order.status == "PAID";
        Station::ALL.map(|station| {
            let passed = match station {
                Station::Created => true,
                Station::Session => paid || payment.is_some(),
                Station::Paid => paid || payment.is_some_and(|payment| payment.decided.is_some()),
                Station::Webhook => paid || payment.is_some_and(Payment::is_heard),
                Station::Told => paid || payment.is_some_and(|payment| payment.told.is_some()),
                Station::Published => is_over && next != Some(Station::Published),
                Station::Applied => {
                    is_over && next.is_none() && known.is_some_and(|known| known.applied >= Some(order.version))
                }
            };
            let source = match station {
                Station::Created | Station::Published => Database::Order,
                Station::Session | Station::Paid | Station::Webhook | Station::Told => Database::Payment,
                Station::Applied => Database::Recommender,
            };
            let refused = payment.is_some_and(|payment| payment.status == "FAILED");
            match station {
                Station::Paid if refused && !paid && passed => Mark::Refused,
                _ if next == Some(station) => Mark::Next,
                _ if passed => Mark::Passed,
                _ if known.is_none() || self.is_away(source) => Mark::Unknown,
                _ if is_over && source == Database::Payment => Mark::Spared,
                _ => Mark::Ahead,
            }
        })
    }
}

/// The id in the header `traceparent`: 32 hexadecimal digits after the version.
fn trace(message: &Message) -> Option<String> {
    let header = kafka::header(message, "traceparent")?;
    let id = header.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
}

impl Payment {
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
                return Place::Telling(payment.error.clone());
            }
            if payment.decided.is_some() && !payment.is_heard() && payment.status == "PENDING" {
                return Place::Webhook(payment.error.clone());
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
mod tests {
    use super::*;

    /// 2026, in nanoseconds.
    const NOW: u64 = 1_795_766_400_000_000_000;
    const SECOND: u64 = 1_000_000_000;

    fn known(id: i64, status: &str, payment: Option<Payment>) -> Known {
        Known {
            id,
            account: 7,
            status: status.into(),
            cents: 100,
            version: 2,
            created: NOW - 90 * SECOND,
            unpublished: None,
            payment,
            applied: Some(2),
        }
    }

    fn payment(status: &str) -> Payment {
        Payment { status: status.into(), opened: NOW - 80 * SECOND, ..Payment::default() }
    }

    fn signs(orders: &Orders, id: i64) -> String {
        let sign = |mark| match mark {
            Mark::Passed => '+',
            Mark::Next => '>',
            Mark::Refused => 'x',
            Mark::Ahead => '.',
            Mark::Spared => '-',
            Mark::Unknown => '?',
        };
        let order = orders.get(id).expect("it is known");
        orders.marks(order, &Kafka::default()).map(sign).iter().collect()
    }

    #[test]
    fn every_station_of_the_way_is_told_from_what_the_databases_have() {
        let decided = Payment { decided: Some(NOW - 70 * SECOND), ..payment("PENDING") };
        let heard = Payment { status: "SUCCESS".into(), heard: Some(NOW - 60 * SECOND), ..decided.clone() };
        let told = Payment { told: Some(NOW - 50 * SECOND), ..heard.clone() };
        let failed = Payment { status: "FAILED".into(), ..told.clone() };
        for (known, wanted) in [
            (known(1, "PENDING", None), "+>....."),
            (known(1, "PENDING", Some(payment("PENDING"))), "++>...."),
            (known(1, "PENDING", Some(decided)), "+++>..."),
            (known(1, "PENDING", Some(heard.clone())), "++++>.."),
            (known(1, "PAYMENT_FAILED", Some(failed)), "++x++.."),
            (Known { unpublished: Some(NOW), ..known(1, "PAID", Some(told.clone())) }, "+++++>."),
            (Known { applied: Some(1), ..known(1, "PAID", Some(told.clone())) }, "++++++>"),
            (known(1, "PAID", Some(told)), "+++++++"),
            // Payment's database was read a moment before order's.
            (known(1, "PAID", Some(heard)), "+++++++"),
            (known(1, "CANCELLED", None), "+----++"),
        ] {
            let mut orders = Orders::default();
            let told = format!("{known:?}");
            orders.learn(News { orders: vec![known], away: Vec::new() });
            assert_eq!(signs(&orders, 1), wanted, "{told}");
        }
    }

    #[test]
    fn what_a_database_that_is_away_knows_is_unknown() {
        let mut orders = Orders::default();
        let away = vec![(Database::Payment, "refused".to_owned())];
        orders.learn(News { orders: vec![known(1, "PENDING", None)], away });
        assert_eq!(signs(&orders, 1), "+????..");
        let place = orders.place(orders.get(1).expect("it is known"), &Kafka::default());
        assert_eq!(place, Place::Unseen(Database::Payment));
    }

    #[test]
    fn those_that_the_shop_must_move_come_before_those_that_wait_for_a_shopper() {
        let mut orders = Orders::default();
        let owed = Payment { status: "SUCCESS".into(), ..payment("SUCCESS") };
        orders.learn(News {
            orders: vec![
                known(1, "PENDING", None),
                known(2, "PENDING", Some(owed)),
                known(3, "PAID", None),
                Known { created: NOW - SECOND, ..known(4, "PENDING", None) },
            ],
            away: Vec::new(),
        });
        let listed = orders.listed(&Kafka::default(), NOW);
        let listed: Vec<(i64, bool)> = listed.into_iter().map(|(order, stuck)| (order.id, stuck)).collect();
        assert_eq!(listed, [(2, true), (1, true), (4, false), (3, false)]);
    }
}
