//! Turns words into a query, with the weights of the embedded store: a hit of a whole word is better than one of a beginning,
//! one in the stock code better than one in the name, and that better than one in the description.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// With what a hit there counts for.
const FIELDS: [(&str, f64); 3] = [("sku", 5.0), ("name", 3.0), ("description", 1.0)];
/// Lucene leaves this factor, k1 + 1, out of its BM25. Without it, constants would count for more than in other stores.
const LUCENE: f64 = 2.2;

/// A word, and what of the index it stands for.
#[derive(Debug, Clone)]
pub(super) enum Word {
    /// The index has it, whole or as a beginning.
    Known(String),
    /// The words of the index that it was meant to be; none if there is nothing like it.
    Mistyped(BTreeSet<String>),
}

impl Word {
    fn query(&self) -> Value {
        match self {
            Self::Known(word) => {
                let begins = json!({"constant_score": {"filter": begins(word), "boost": 1.0}});
                json!({"bool": {"should": [begins, whole(word)], "minimum_should_match": 1}})
            }
            Self::Mistyped(words) if words.is_empty() => json!({"match_none": {}}),
            Self::Mistyped(words) => {
                json!({"dis_max": {"queries": words.iter().map(|word| whole(word)).collect::<Vec<_>>()}})
            }
        }
    }
}

/// Every product.
pub(super) fn everything() -> Value {
    json!({"bool": {"must": {"match_all": {}}, "filter": stands()}})
}

/// Products with at least so many of the words.
pub(super) fn at_least(words: &[Word], count: usize) -> Value {
    let should: Vec<Value> = words.iter().map(Word::query).collect();
    json!({"bool": {"should": should, "minimum_should_match": count, "filter": stands()}})
}

/// Products with a word that begins so.
pub(super) fn with_beginning(word: &str) -> Value {
    json!({"bool": {"filter": [stands(), begins(word)]}})
}

pub(super) fn stands() -> Value {
    json!({"term": {"stands": true}})
}

fn begins(word: &str) -> Value {
    let fields = FIELDS.map(|(field, _)| json!({"prefix": {field: {"value": word}}}));
    json!({"bool": {"should": fields, "minimum_should_match": 1}})
}

/// Hits of exactly this word: always better than a beginning of it, rarer words and shorter names better still.
fn whole(word: &str) -> Value {
    let fields = FIELDS.map(|(field, weight)| {
        let scored = json!({"term": {field: {"value": word, "boost": weight * LUCENE}}});
        let found = json!({"constant_score": {"filter": {"term": {field: word}}, "boost": weight}});
        json!({"bool": {"must": [scored, found]}})
    });
    json!({"dis_max": {"queries": fields}})
}
