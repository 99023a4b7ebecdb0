//! Scenario files: what they may say, and how they are read.
//!
//! These types are the format. The JSON Schema beside the files is generated from them, and their docs are what an editor
//! shows.

mod check;
mod fault;
mod library;
mod names;
mod place;
mod point;
mod read;
mod schema;
mod share;
mod span;
mod step;
mod text;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use check::{
    Checks, Database, DeadLetters, EventsAre, LinesAre, Lived, OrderIs, Recommended, Replica, RowsAre, Topic,
};
pub use fault::{Fault, Refused, Reordered, Slow, Struck};
pub use library::{EXTENSION, Library, Missing, Named};
pub use place::{Place, Placed};
pub use point::{AtPoint, Deed};
pub use read::{Error, read};
pub use schema::schema;
pub use share::Share;
pub use span::Span;
pub use step::{
    AddProduct, Answer, Body, ChangeProduct, DeleteProduct, Eventually, Graphql, Grpc, Http, Line, LogIn, Never,
    OnOrder, OrderOf, Press, Publish, Recommend, Repeat, Signed, Sql, Step, Subscribe, Upstream, Verdict, Wait,
    Webhook,
};

/// Of a scenario that sets none.
const LIMIT: Span = Span::seconds(60);

/// A story that is played through a running shop, and what must come of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, for people. The first line stands in lists.
    pub description: String,
    /// Who takes part.
    #[serde(default)]
    pub actors: Actors,
    /// What the story is about, drawn from the real catalog and the real baskets: the same for the same seed.
    #[serde(default)]
    pub data: BTreeMap<String, Datum>,
    /// The whole story may take this long.
    #[serde(default = "limit")]
    pub limit: Span,
    /// What is broken from before the first step until after the last one; it is whole again when `expect` is looked at.
    #[serde(default)]
    pub faults: Vec<Placed<Fault>>,
    /// What happens, one after the other. The first step that fails ends the story.
    pub steps: Vec<Placed<Step>>,
    /// What must hold afterwards, and still must once nothing is on its way any more. All of it is looked at, also where one
    /// does not hold.
    #[serde(default)]
    pub expect: Vec<Placed<Verdict>>,
}

/// People, by the names that steps call them by. Each needs a `register` or a `log_in` before anything else.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Actors {
    /// Who buys.
    #[serde(default)]
    pub shoppers: Vec<String>,
    /// Who has products of their own.
    #[serde(default)]
    pub sellers: Vec<String>,
}

impl Actors {
    /// All their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shoppers.iter().chain(&self.sellers).map(String::as_str)
    }
}

/// One thing that the seed draws.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Datum {
    /// A product of the catalog.
    Product,
    /// What somebody once bought in one go, at the catalog's prices.
    Basket(BasketOf),
}

/// Which baskets are good enough.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasketOf {
    /// It has at most so many different products.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub lines: Option<usize>,
}

fn limit() -> Span {
    LIMIT
}
