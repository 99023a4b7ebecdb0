//! Reads everything that can be asked: the only part of the checker that knows the shop's databases and topics.

pub(super) mod catalog;
mod columns;
mod orders;
mod payment;
mod recommender;
mod topics;

use std::collections::BTreeSet;

use serde::Deserialize;
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::{
    Error,
    history::{History, Unreadable},
    report::Pending,
};
use topics::{Progress, Topics};

/// Where everything is, as `shopctl env --json` tells it.
#[derive(Debug, Clone, Deserialize)]
pub struct Addresses {
    /// REST, `http://host:port`.
    pub product: String,
    /// `host:port`.
    pub kafka: String,
    /// `postgres://…`, like the others.
    pub account_db: String,
    pub recommender_db: String,
    pub order_db: String,
    pub payment_db: String,
}

/// A database of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Database {
    Account,
    Recommender,
    Order,
    Payment,
}

/// A shop that is looked at, again and again if need be.
pub(super) struct Source {
    addresses: Addresses,
    topics: Topics,
    history: History,
}

impl Source {
    pub(super) async fn open(addresses: &Addresses) -> Result<Self, Error> {
        Ok(Self {
            addresses: addresses.clone(),
            topics: Topics::open(&addresses.kafka).await?,
            history: History::default(),
        })
    }

    /// Everything as it is now: each database at one moment, the topics up to their present ends.
    pub(super) async fn look(&mut self) -> Result<&History, Error> {
        let mut history = History::default();
        for database in Database::ALL {
            let mut connection = database.connect(&self.addresses).await?;
            let mut moment = connection.begin().await.map_err(|source| database.failed(source))?;
            database.read(&mut moment, &mut history).await.map_err(|source| database.failed(source))?;
            // It has changed nothing.
            moment.rollback().await.map_err(|source| database.failed(source))?;
            connection.close().await.map_err(|source| database.failed(source))?;
        }
        for (id, product) in catalog::read(&self.addresses.product).await? {
            match product {
                Ok(product) => history.catalog.push(product),
                Err(fault) => history.unreadable.push(Unreadable { object: format!("product {id}"), fault }),
            }
        }
        // What was read of the topics before stands there still.
        (history.records, history.letters) =
            (std::mem::take(&mut self.history.records), std::mem::take(&mut self.history.letters));
        self.history = history;
        self.topics.catch_up(&mut self.history).await?;
        Ok(&self.history)
    }

    /// What is under way, and how many records the topics hold: when that has not changed, nothing has happened in between.
    pub(super) async fn pending(&self) -> Result<(Pending, i64), Error> {
        let outbox = count(&self.addresses, Database::Order, "SELECT count(*) FROM outbox").await?;
        let owed = "SELECT (SELECT count(*) FROM tellings) + \
                    (SELECT count(*) FROM provider_deliveries WHERE due_at IS NOT NULL)";
        let payment = count(&self.addresses, Database::Payment, owed).await?;
        let Progress { lag, records } = self.topics.progress().await?;
        Ok((Pending { outbox, lag, payment }, records))
    }
}

async fn count(addresses: &Addresses, database: Database, query: &'static str) -> Result<i64, Error> {
    let mut connection = database.connect(addresses).await?;
    let count = sqlx::query_scalar(query).fetch_one(&mut connection).await;
    let count = count.map_err(|source| database.failed(source))?;
    connection.close().await.map_err(|source| database.failed(source))?;
    Ok(count)
}

impl Database {
    const ALL: [Self; 4] = [Self::Account, Self::Recommender, Self::Order, Self::Payment];

    const fn name(self) -> &'static str {
        match self {
            Self::Account => "account_db",
            Self::Recommender => "recommender_db",
            Self::Order => "order_db",
            Self::Payment => "payment_db",
        }
    }

    async fn connect(self, addresses: &Addresses) -> Result<PgConnection, Error> {
        let url = match self {
            Self::Account => &addresses.account_db,
            Self::Recommender => &addresses.recommender_db,
            Self::Order => &addresses.order_db,
            Self::Payment => &addresses.payment_db,
        };
        PgConnection::connect(url).await.map_err(|source| self.failed(source))
    }

    async fn read(self, moment: &mut Transaction<'_, Postgres>, history: &mut History) -> Result<(), sqlx::Error> {
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").execute(&mut **moment).await?;
        history.columns.extend(columns::read(self.name(), moment).await?);
        match self {
            // Nothing in there is said anywhere else.
            Self::Account => {}
            Self::Recommender => history.recommender = recommender::read(moment).await?,
            Self::Order => (history.orders, history.outbox) = orders::read(moment).await?,
            Self::Payment => {
                let (payment, unreadable) = payment::read(moment).await?;
                history.payment = payment;
                history.unreadable.extend(unreadable);
            }
        }
        Ok(())
    }

    fn failed(self, source: sqlx::Error) -> Error {
        Error::Database { name: self.name(), source }
    }
}

/// The ids of the events that a group has taken in.
async fn inbox(group: &str, connection: &mut PgConnection) -> Result<BTreeSet<Uuid>, sqlx::Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar("SELECT event_id FROM inbox WHERE consumer = $1 ORDER BY event_id")
        .bind(group)
        .fetch_all(connection)
        .await?;
    Ok(ids.into_iter().collect())
}
