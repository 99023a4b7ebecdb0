//! All SQL of this service.

mod catalog;
mod deliveries;
mod sessions;
mod tellings;
mod transactions;
mod webhooks;

use std::time::Duration;

use kit::database::Pool;
use sqlx::migrate::Migrator;

use crate::domain::UnknownWord;

pub(crate) use catalog::{Listed, delete_product, put_product};
pub(crate) use deliveries::{Decided, Delivery};
pub(crate) use sessions::{Session, cancel_order};
pub(crate) use tellings::{Settlement, Telling};
pub(crate) use transactions::{Bill, Transaction, View};
pub(crate) use webhooks::Webhook;

/// The schema, in order.
pub(crate) static MIGRATOR: Migrator = sqlx::migrate!();

/// The service's database.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: Pool,
}

impl Store {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool }
    }
}

/// A failure of the database, or something in it that this version does not understand.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("payment's database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("payment's database: {0}")]
    Word(#[from] UnknownWord),
    #[error("payment's database: a transaction's id is none of ours")]
    Id,
}

impl Error {
    /// Whether the same call may succeed once the database is back.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Database(error) => kit::database::is_outage(error),
            Self::Word(_) | Self::Id => false,
        }
    }
}

/// For `make_interval(secs => …)`.
fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
