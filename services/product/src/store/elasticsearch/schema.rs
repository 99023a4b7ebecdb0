//! How documents stand in the index. Its analysis is that of `store::text`: runs of letters and digits, in lower case,
//! without accents.

use serde_json::{Value, json};

use crate::store::text::LONGEST_WORD;

/// Raised with every change of the mapping or of its analysis: a start then copies the documents into an index of the new
/// version and moves the alias.
pub(super) const VERSION: u32 = 1;

/// How long a search may lag behind a write; it is promised to be less than a second.
const REFRESH: &str = "300ms";

/// What the index `template` says.
pub(super) fn template() -> Value {
    json!({
        "settings": {
            "number_of_shards": 1,
            "number_of_replicas": 0,
            "refresh_interval": REFRESH,
            "analysis": {
                "tokenizer": {"runs": {"type": "pattern", "pattern": r"[^\p{IsAlphabetic}\p{N}]+"}},
                "filter": {"not_too_long": {"type": "length", "max": LONGEST_WORD - 1}},
                "analyzer": {
                    "words": {
                        "type": "custom",
                        "tokenizer": "runs",
                        "filter": ["not_too_long", "lowercase", "asciifolding"],
                    },
                },
                "normalizer": {"whole": {"type": "custom", "filter": ["lowercase", "asciifolding"]}},
            },
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": {"version": VERSION},
            "properties": properties(),
        },
    })
}

fn properties() -> Value {
    let number = json!({"type": "long"});
    let stored_number = json!({"type": "long", "index": false, "doc_values": false});
    let words = json!({"type": "text", "analyzer": "words", "index_options": "freqs"});
    json!({
        // The place in the order of creation.
        "sequence": number,
        "account_id": stored_number,
        "version": stored_number,
        // Whether it is a product that anybody may see.
        "stands": {"type": "boolean"},
        // The group that it is created with, until that is decided.
        "group": {"type": "keyword"},
        "name": {
            "type": "text", "analyzer": "words", "index_options": "freqs",
            "fields": {"whole": {"type": "keyword", "normalizer": "whole", "index": false}},
        },
        "description": words,
        "price": {"type": "long", "index": false},
        "sku": words,
        // All its words, for who looks for one that was mistyped.
        "lexicon": {"type": "keyword", "index": false},
        // Events that the broker does not have yet, and since when the oldest waits, in ms since 1970.
        "unpublished": {"type": "object", "enabled": false},
        "waiting": number,
        // Of the one document that is no product.
        "control": {"type": "object", "enabled": false},
    })
}
