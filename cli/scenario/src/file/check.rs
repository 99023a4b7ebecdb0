//! What can be expected of the shop.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::text;

/// What is expected; where several are given, all must hold at the same time.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct Checks {
    /// An order, as its owner sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderIs>,
    /// What a query finds in a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<RowsAre>,
    /// The events of one key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<EventsAre>,
    /// What a subscription has told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Lived>,
    /// What the recommender recommends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommended: Option<Recommended>,
    /// What the recommender knows of a product or of an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommender: Option<Replica>,
    /// What a resource has written since the story began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<LinesAre>,
    /// Dead letters since the story began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<DeadLetters>,
    /// Resources that are ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ready: Vec<String>,
}

/// Only what is given is compared.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderIs {
    /// Name of the order.
    pub of: String,
    /// `PENDING`, `PAID`, `PAYMENT_FAILED` or `CANCELLED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_cents: Option<Value>,
    /// Statuses of its transactions, oldest first: `PENDING`, `SUCCESS`, `FAILED`, `VOIDED`, `REFUNDED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactions: Option<Vec<String>>,
}

/// One of the shop's PostgreSQL databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Database {
    AccountDb,
    RecommenderDb,
    OrderDb,
    PaymentDb,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowsAre {
    pub database: Database,
    /// A `SELECT`; `$1` is the first of `args`.
    pub query: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Value>,
    /// Exactly these rows in this order, each with at least these columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub are: Option<Vec<Value>>,
    /// So many rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
}

/// One of the shop's topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    ProductEvents,
    OrderEvents,
}

/// Exactly these events of the key since the story began, in this order, each once: a record that stands there twice with
/// the same `ce_id` is a redelivery and counts once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsAre {
    pub topic: Topic,
    /// The entity's id.
    #[serde(deserialize_with = "text::one")]
    pub key: String,
    /// Their types, such as `order_created`.
    pub are: Vec<String>,
    /// The last one's `data` has at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// Exactly these statuses, in this order. The first one is what the order was when the subscription began.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lived {
    /// Name of the order that was subscribed to.
    pub of: String,
    pub saw: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recommended {
    /// An actor.
    pub to: String,
    /// Names or ids of products that are among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
    /// Names or ids of products that are not, though there are others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Replica {
    /// A product as the recommender has it.
    Product(ReplicaOfProduct),
    /// An order's lines as the recommender counts them.
    Order(ReplicaOfOrder),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplicaOfProduct {
    /// Name or id.
    pub of: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_cents: Option<Value>,
    /// It is in the catalog no longer.
    #[serde(default)]
    pub deleted: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplicaOfOrder {
    /// Name of the order.
    pub of: String,
    /// Its lines count for nothing any more.
    #[serde(default)]
    pub cancelled: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinesAre {
    /// A resource.
    pub of: String,
    /// A regular expression.
    #[serde(rename = "match")]
    pub pattern: String,
    /// So many of its lines match; without it, at least one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetters {
    /// Of events of this topic.
    pub of: Topic,
    /// Only those with this key.
    #[serde(default, deserialize_with = "text::some", skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// So many: each consumer that refuses an event makes one.
    pub count: usize,
}
