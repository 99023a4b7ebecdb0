//! A product as its document holds it, together with the events that nobody was told yet.

use std::collections::BTreeSet;

use bus::Event;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::domain::{Details, Product};
use crate::store::record::Record;
use crate::store::text;

/// The part of a document that everybody reads: all but [`Source::lexicon`].
pub(super) const WITHOUT_LEXICON: &str = "_source_excludes=lexicon";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Source {
    /// The place in the order of creation; never used again.
    pub(super) sequence: u64,
    pub(super) account_id: i64,
    pub(super) version: u64,
    /// False in a tombstone, and until it is decided whether it is created.
    pub(super) stands: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<String>,
    /// `None` in a tombstone, which stays until its event is told.
    #[serde(flatten)]
    pub(super) details: Option<Details>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) lexicon: BTreeSet<String>,
    #[serde(default)]
    pub(super) unpublished: Vec<Unpublished>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) waiting: Option<i64>,
}

/// An event in the document that it tells of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Unpublished {
    pub(super) id: String,
    /// JSON, byte for byte: Elasticsearch must not write its numbers in another way.
    record: String,
}

impl Unpublished {
    pub(super) fn new(event: &Event) -> Result<Self, Error> {
        let record = Record::encode(event).map_err(|error| Error::Document(error.to_string()))?;
        Ok(Self { id: event.id.to_string(), record })
    }

    pub(super) fn event(&self) -> Result<Event, Error> {
        Ok(Record::decode(self.record.as_bytes())?)
    }
}

impl Source {
    /// A new product, whose place is given later.
    pub(super) fn new(product: &Product, created: Unpublished) -> Self {
        let Product { id: _, account_id, version, details } = product.clone();
        Self {
            sequence: 0,
            account_id,
            version,
            stands: true,
            group: None,
            lexicon: words(&details),
            details: Some(details),
            unpublished: vec![created],
            waiting: Some(now()),
        }
    }

    /// `None` if it is deleted, or not created yet.
    pub(super) fn product(&self, id: &str) -> Option<Product> {
        let details = self.details.clone().filter(|_| self.stands)?;
        Some(Product { id: id.to_owned(), account_id: self.account_id, version: self.version, details })
    }

    /// As it stands after a change; without details it is a tombstone.
    pub(super) fn changed(mut self, version: u64, details: Option<Details>, event: Unpublished) -> Self {
        self.version = version;
        self.stands = details.is_some();
        self.lexicon = details.as_ref().map(words).unwrap_or_default();
        self.details = details;
        self.unpublished.push(event);
        self.waiting = self.waiting.or_else(|| Some(now()));
        self
    }
}

fn words(details: &Details) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut analyzer = text::analyzer();
    for text in [Some(&details.name), Some(&details.description), details.sku.as_ref()].into_iter().flatten() {
        analyzer.token_stream(text).process(&mut |token| {
            words.insert(token.text.clone());
        });
    }
    words
}

/// In ms since 1970. Only ever compared to find out what is old: nothing depends on clocks that agree.
pub(super) fn now() -> i64 {
    let milliseconds = time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
    i64::try_from(milliseconds).unwrap_or(i64::MAX)
}
