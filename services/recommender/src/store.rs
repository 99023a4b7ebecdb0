//! All SQL of the service. Whatever is written raises the revision first: see the migration.

mod changes;
mod history;
mod orders;
mod products;

use futures::Stream;
use kit::crash;
use kit::database::Pool;
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection};

use crate::domain::Imported;
use crate::error::Error;
use crate::model::Changes;

pub(crate) use orders::save as save_order;
pub(crate) use products::{delete as delete_product, save as save_product};

pub(crate) static MIGRATOR: Migrator = sqlx::migrate!();

/// The recommender's database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: Pool,
}

impl Store {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// The revision of the newest change.
    pub(crate) async fn revision(&self) -> Result<i64, Error> {
        Ok(sqlx::query_scalar("SELECT n FROM revision").fetch_one(&self.pool).await?)
    }

    /// Everything that was written after the revision `since`, or ever, in parts of a bounded size.
    pub(crate) async fn changes(
        &self,
        since: Option<i64>,
    ) -> Result<impl Stream<Item = Result<Changes, Error>>, Error> {
        // Asked for before the rows: what commits in between comes now and once more with the next changes.
        let revision = self.revision().await?;
        Ok(changes::since(&self.pool, since.unwrap_or_default(), revision))
    }

    /// Keeps those baskets whose ids are new, all in one transaction; returns these, by place.
    pub(crate) async fn import(&self, baskets: &[Imported]) -> Result<Vec<bool>, Error> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        let revision = next_revision(&mut transaction).await?;
        let mut new = Vec::with_capacity(baskets.len());
        for basket in baskets {
            new.push(history::insert(&mut transaction, basket, revision).await?);
        }
        crash::point("import-before-commit");
        transaction.commit().await?;
        crash::point("import-after-commit");
        connection.done();
        Ok(new)
    }
}

/// Takes the lock that keeps revisions in the order of commits, until the transaction ends.
async fn next_revision(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("UPDATE revision SET n = n + 1 RETURNING n").fetch_one(connection).await
}
