//! A product as the file holds it.

use redb::ReadableTable;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::domain::{Details, Product};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Document {
    /// The place in the order of creation; never used again.
    pub(super) sequence: u64,
    pub(super) account_id: i64,
    /// Goes on rising with the deletion, after which nothing follows.
    pub(super) version: u64,
    /// The number of the last change in the whole catalog's order.
    pub(super) change: u64,
    /// `None` once the product is deleted: the tombstone stays, so that the id is never given to another.
    pub(super) details: Option<Details>,
}

impl Document {
    pub(super) fn decode(id: &str, bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(|reason| Error::Document { id: id.to_owned(), reason })
    }

    pub(super) fn encode(&self, id: &str) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|reason| Error::Document { id: id.to_owned(), reason })
    }

    pub(super) fn find(
        documents: &impl ReadableTable<&'static str, &'static [u8]>,
        id: &str,
    ) -> Result<Option<Self>, Error> {
        documents.get(id)?.map(|found| Self::decode(id, found.value())).transpose()
    }

    /// `None` if there never was one, or it is deleted.
    pub(super) fn find_product(
        documents: &impl ReadableTable<&'static str, &'static [u8]>,
        id: &str,
    ) -> Result<Option<Product>, Error> {
        Ok(Self::find(documents, id)?.and_then(|document| document.product(id)))
    }

    /// `None` if it is deleted.
    pub(super) fn product(self, id: &str) -> Option<Product> {
        let Self { account_id, version, details, .. } = self;
        details.map(|details| Product { id: id.to_owned(), account_id, version, details })
    }
}
