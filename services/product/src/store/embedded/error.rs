//! Everything that can go wrong in the folder.

use std::io;

use super::transaction::Refusal;
use crate::store::{ChangeError, Unavailable};

/// Each message says everything: the causes below are not chained, so that nothing is said twice.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("another process has the catalog's file open")]
    InUse,
    #[error("the catalog's file has format {found}, and this program knows only {known}")]
    Format { found: u64, known: u64 },
    #[error("the catalog's file is damaged: {0}")]
    Damaged(&'static str),
    #[error("the catalog's file can't be opened: {0}")]
    Closed(String),
    #[error("the catalog's file: {0}")]
    Storage(Box<redb::Error>),
    #[error("the document of product {id} can't be read or written: {reason}")]
    Document { id: String, reason: serde_json::Error },
    #[error("the search index: {0}")]
    Index(tantivy::TantivyError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the write failed; the log says why")]
    NotWritten,
    #[error("the catalog's {0} has stopped")]
    Stopped(&'static str),
}

/// redb has an error for each kind of call; all of them mean the same here.
macro_rules! from_redb {
    ($($error:ty),*) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::Storage(Box::new(error.into()))
            }
        })*
    };
}

from_redb!(redb::DatabaseError, redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError);

impl From<tantivy::TantivyError> for Error {
    fn from(error: tantivy::TantivyError) -> Self {
        Self::Index(error)
    }
}

impl From<Error> for Unavailable {
    fn from(error: Error) -> Self {
        Self(error.into())
    }
}

impl From<Refusal> for ChangeError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::NotFound,
            Refusal::NotOwner => Self::NotOwner,
        }
    }
}
