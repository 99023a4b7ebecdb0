//! What a product is and who may change it. Nothing here knows HTTP, files or Kafka.

use kit::Cents;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a seller says about a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    pub name: String,
    pub description: String,
    pub price: Cents,
    /// The seller's own number for it; not unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
}

/// What is about to be put into the catalog, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The account that will own it.
    pub account_id: i64,
    pub details: Details,
}

/// A product as it stands in the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub id: String,
    /// The account that owns it.
    pub account_id: i64,
    /// 1 when it was created, one more with every change, its deletion included.
    pub version: u64,
    pub details: Details,
}

/// A new product's id: opaque, and random enough (122 bits) that nobody guesses one and none comes twice.
pub fn new_id() -> String {
    Uuid::new_v4().simple().to_string()
}

/// In whose name a product is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    Account(i64),
    /// Whoever owns it: what a call without a token means in open mode.
    Owner,
}

impl Actor {
    pub fn may_change(self, owner: i64) -> bool {
        match self {
            Self::Account(account_id) => account_id == owner,
            Self::Owner => true,
        }
    }
}

/// How the results of a search are ordered. Equals are in the order of their creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Sort {
    /// Best match first.
    #[default]
    Relevance,
    PriceRising,
    PriceFalling,
    /// By name, upper and lower case and accents aside.
    NameRising,
    NameFalling,
}

/// What a result is ordered by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Key {
    Score(f32),
    /// In cents.
    Price(u64),
    Name(String),
}

/// The place of a product in the results of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    pub key: Key,
    /// The product's place in the order of creation.
    pub sequence: u64,
}

/// What is searched for.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Words of name, description or stock code; without any, every product is a result.
    pub text: String,
    pub sort: Sort,
    /// Where the page before ended.
    pub after: Option<Position>,
    pub limit: usize,
}

/// Some products, and where the next page begins: `None` at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<P> {
    pub products: Vec<Product>,
    pub next: Option<P>,
}
