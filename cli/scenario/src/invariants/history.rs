//! What the shop's databases and topics say, as plain data: whoever judges it needs no shop.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::told::{Fault, Told};

/// Everything at one time. Money is in cents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    pub orders: Vec<Order>,
    /// Events of orders that are not published yet.
    pub outbox: Vec<Waiting>,
    pub payment: Payment,
    pub recommender: Recommender,
    /// As product answers, the products that stand.
    pub catalog: Vec<Product>,
    /// Both topics, each partition in the order of its offsets.
    pub records: Vec<Record>,
    pub letters: Vec<Letter>,
    /// Columns of all databases that are named or typed like money.
    pub columns: Vec<Column>,
    /// What was read, and cannot be what the shop itself has written.
    pub unreadable: Vec<Unreadable>,
}

/// A row of order's `orders` with its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub id: i64,
    pub account: i64,
    pub status: String,
    pub total: i64,
    pub version: i64,
    pub lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub product: String,
    pub quantity: i64,
    pub price: i64,
}

/// A row of order's outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    pub id: Uuid,
    pub key: String,
    pub kind: String,
    /// Seconds since its state change.
    pub age: f64,
}

/// What payment's database has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Payment {
    /// Orders whose cancellation it has heard.
    pub cancelled: BTreeSet<i64>,
    pub transactions: Vec<Transaction>,
    pub refunds: Vec<Refund>,
    pub webhooks: Vec<Webhook>,
    pub owed: Vec<Owed>,
    /// The price list.
    pub products: Vec<Replica>,
    pub inbox: BTreeSet<Uuid>,
}

/// One try to pay an order. Who knows its whole id may pay it: what is shown of one is [`Transaction::shown`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    pub id: String,
    pub order: i64,
    pub account: i64,
    pub amount: i64,
    /// `None` if they are among what is [unreadable](History::unreadable).
    pub lines: Option<Vec<Line>>,
    pub status: String,
    /// Order has answered about its outcome, or nothing was left to tell.
    pub settled: bool,
}

/// Money given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    pub transaction: String,
    pub amount: i64,
}

/// What the provider said of a transaction, and what that did when it came first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub transaction: String,
    pub outcome: String,
    pub before: String,
    pub after: String,
}

/// What payment's workers still have to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    pub transaction: String,
    pub to: Worker,
    pub error: Option<String>,
}

/// Who is owed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worker {
    /// Order has not heard how a payment ended.
    Teller,
    /// The provider's webhook has not arrived.
    Provider,
}

/// What recommender's database has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recommender {
    pub products: Vec<Replica>,
    pub orders: Vec<Interactions>,
    /// Baskets of another shop, which have no orders here.
    pub imported: i64,
    pub inbox: BTreeSet<Uuid>,
}

/// A product as somebody other than product has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    pub id: String,
    pub name: String,
    /// `None` where it is not kept.
    pub description: Option<String>,
    pub price: i64,
    pub version: i64,
    /// A tombstone.
    pub deleted: bool,
}

/// An order as recommender has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interactions {
    pub order: i64,
    pub account: i64,
    /// Products and quantities.
    pub lines: Vec<(String, i64)>,
    pub cancelled: bool,
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub id: String,
    pub account: i64,
    pub name: String,
    pub description: String,
    pub price: i64,
    pub sku: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    Products,
    Orders,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub topic: Topic,
    pub partition: i32,
    pub offset: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub place: Place,
    pub key: Option<String>,
    /// `ce_id`.
    pub id: Option<String>,
    pub told: Result<Told, Fault>,
}

/// A record among the dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Of the topic that the record came from.
    pub topic: Topic,
    pub key: Option<String>,
    /// `ce_id`.
    pub id: Option<String>,
    /// Where the record stands, if the letter tells.
    pub origin: Option<Place>,
    /// Who refused it.
    pub group: Option<String>,
    pub error: Option<String>,
}

/// A column of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// `order_db.orders.total_cents`.
    pub name: String,
    /// PostgreSQL's name of its type.
    pub kind: String,
}

/// Something that was read and makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub object: String,
    pub fault: Fault,
}

impl Topic {
    pub const ALL: [Self; 2] = [Self::Products, Self::Orders];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Products => shopctl_kafka::topics::PRODUCT_EVENTS,
            Self::Orders => shopctl_kafka::topics::ORDER_EVENTS,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} at {}", self.topic.name(), self.partition, self.offset)
    }
}

impl Transaction {
    /// As much of an id as may be shown.
    pub fn shown(id: &str) -> String {
        format!("transaction {}…", id.chars().take(6).collect::<String>())
    }
}
