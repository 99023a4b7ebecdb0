//! What can happen in a story.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Checks, Database, Fault, Placed, Span, Topic, text};

/// One thing that happens. In all texts, `${ann.id}` stands for a value that is known by then: of an actor who has
/// registered, of `data`, or of what a step has kept with `as`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// An actor opens an account, and is logged in.
    Register(String),
    /// An actor logs in: to their own account again, or to somebody else's.
    LogIn(LogIn),
    /// A seller puts a product into the catalog.
    AddProduct(AddProduct),
    /// A seller changes a product.
    ChangeProduct(ChangeProduct),
    /// A seller takes a product out of the catalog.
    DeleteProduct(DeleteProduct),
    /// Somebody asks what they may like.
    Recommend(Recommend),
    /// A shopper orders.
    Order(OrderOf),
    /// A shopper cancels an order.
    Cancel(OnOrder),
    /// A shopper opens a checkout: the order gets a payment page.
    Checkout(OnOrder),
    /// A shopper presses Pay on the payment page.
    Pay(Press),
    /// A shopper presses Cancel on the payment page.
    Decline(Press),
    /// A shopper looks at the payment page and goes away.
    WalkAway(Press),
    /// Somebody sends payment a webhook, as the provider or as who would like to be.
    Webhook(Webhook),
    /// A shopper follows an order's status from now on, over a websocket to the gateway.
    Subscribe(Subscribe),
    /// Any operation of the gateway.
    Graphql(Graphql),
    /// Any method of a service.
    Grpc(Grpc),
    /// Any route over HTTP.
    Http(Http),
    /// A record of whatever kind in one of the topics.
    Publish(Publish),
    /// A statement in one of the databases.
    Sql(Sql),
    /// Something breaks, or is whole again.
    Fault(Fault),
    /// Lists of steps that go on at the same time. Over once all are.
    Parallel(Vec<Vec<Placed<Step>>>),
    /// The same steps again and again.
    Repeat(Repeat),
    /// Time goes by. To wait until something is so, use `eventually`.
    Wait(Wait),
    /// It is so now.
    Now(Checks),
    /// It becomes so.
    Eventually(Eventually),
    /// It does not become so.
    Never(Never),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    pub actor: String,
    /// To the account of this actor; without it, their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddProduct {
    pub by: String,
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[schemars(range(max = 99_999_999))]
    pub price_cents: u32,
    /// Keeps its id, name and price_cents.
    #[serde(rename = "as")]
    pub keep: String,
    /// Tried again for this long, until it succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeProduct {
    pub by: String,
    /// Name or id.
    pub product: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 99_999_999))]
    pub price_cents: Option<u32>,
    /// The code with which the gateway refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Tried again for this long, until it succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteProduct {
    pub by: String,
    /// Name or id.
    pub product: String,
    /// The code with which the gateway refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recommend {
    /// An actor, whether known to the recommender or not.
    pub to: String,
    /// Names or ids of products that they have just looked at: then it is these that matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub viewed: Vec<String>,
    /// Keeps the products, a list.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
}

/// What is ordered: a basket of `data`, or lines.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderOf {
    pub by: String,
    /// Name of a basket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basket: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// Idempotency key: a second call with it gives the same order. Without one each call makes another.
    #[serde(default, deserialize_with = "text::some", skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Keeps its id, status, total_cents and lines.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    /// The code with which the gateway refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Tried again for this long, until it succeeds. Wants a `key`, or there may be several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

/// So many of a product.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Name or id.
    pub product: String,
    #[serde(default = "one")]
    pub quantity: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnOrder {
    /// Name of the order.
    pub order: String,
    /// Somebody else than who ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The code with which the gateway refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Tried again for this long, until it succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Press {
    /// Name of the order, whose checkout is open.
    pub order: String,
    /// The page's HTTP status; without it, 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Tried again for this long, until it succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Name of the order whose open transaction it is about.
    pub order: String,
    /// What is said of it: `SUCCESS` or `FAILED`.
    #[serde(default = "success")]
    pub says: String,
    /// Its `webhook-id`: twice the same is a replay. Without it, a new one.
    #[serde(default, deserialize_with = "text::some", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Who signed it.
    #[serde(default)]
    pub signed: Signed,
    /// So old is its timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<Span>,
    /// The same bytes, so often.
    #[serde(default = "one")]
    pub times: u32,
    /// The HTTP status of each answer; without it, 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Tried again for this long, until it is answered so, as providers do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

/// By what a webhook is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signed {
    /// The shop's secret.
    #[default]
    Well,
    /// Another one.
    Forged,
    /// The shop's secret, and the body was changed afterwards.
    Tampered,
    /// Nothing: it has no signature.
    Not,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// Name of the order.
    pub order: String,
}

/// What is expected of an answer; without anything, that the call succeeds.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// gRPC code, also as GraphQL gives it: `NOT_FOUND`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// At least this is in it: objects may have more fields, all else must be the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Graphql {
    /// An actor; without one, nobody in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    pub query: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Value>,
    /// `body` is its `data`.
    #[serde(default)]
    pub answer: Answer,
    /// Keeps its `data`.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    /// Tried again for this long, until it is answered so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grpc {
    /// An actor; without one, nobody in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Such as `pb.OrderService/GetOrder`.
    pub call: String,
    /// The request, as protobuf's JSON; the wrappers of single values are these values.
    #[serde(default)]
    pub message: Value,
    #[serde(default, deserialize_with = "text::each", skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// `body` is the response, with the names of the `.proto` file.
    #[serde(default)]
    pub answer: Answer,
    /// Keeps the response.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    /// Tried again for this long, until it is answered so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

/// Who speaks HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Upstream {
    Gateway,
    Product,
    Payment,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// An actor; without one, nobody in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    pub to: Upstream,
    /// `GET` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Such as `/products/${mug.id}`.
    pub path: String,
    #[serde(default, deserialize_with = "text::each", skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    #[serde(default)]
    pub answer: Answer,
    /// Keeps its `status` and `body`.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    /// Tried again for this long, until it is answered so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

/// What is sent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    Json(Value),
    Text(String),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    pub topic: Topic,
    #[serde(default, deserialize_with = "text::some", skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `json` is an event, which has a `type` and `data`; `text` may be anything.
    pub value: Body,
    /// `ce_id` and what else there may be.
    #[serde(default, deserialize_with = "text::each", skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The same record, so often.
    #[serde(default = "one")]
    pub times: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    pub database: Database,
    /// `$1` is the first of `args`.
    pub query: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Value>,
    /// Keeps the rows of a `SELECT`, a list of objects.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    /// So many rows are found or changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// `${round}` counts from 1.
    #[schemars(range(min = 1))]
    pub times: u32,
    pub steps: Vec<Placed<Step>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    #[serde(rename = "for")]
    pub time: Span,
}

/// What must hold at the end of a story.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is so now.
    Now(Checks),
    /// It becomes so, and stays so.
    Eventually(Eventually),
    /// It does not become so.
    Never(Never),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Eventually {
    /// At the latest after this time; without it, what is left of the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
    pub that: Checks,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Never {
    /// It is watched for this long.
    #[serde(rename = "for")]
    pub time: Span,
    pub that: Checks,
}

fn one() -> u32 {
    1
}

fn success() -> String {
    "SUCCESS".to_owned()
}
