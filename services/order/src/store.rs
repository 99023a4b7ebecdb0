//! All SQL of the service. A change of an order and its event are one statement, which is a transaction by itself.

mod keys;
mod rows;
mod traces;

use kit::crash;
use kit::database::Pool;
use sqlx::PgConnection;
use sqlx::migrate::Migrator;

use crate::domain::access::Scope;
use crate::domain::basket::Priced;
use crate::domain::status::Step;
use crate::domain::{Basket, IdempotencyKey, Order, Status};
use crate::error::Error;
use crate::events;

pub(crate) static MIGRATOR: Migrator = sqlx::migrate!();

/// The orders' database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: Pool,
}

/// What a call that may change something came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Written, with an event to publish.
    Changed(Order),
    /// It was so already.
    Unchanged(Order),
}

impl Store {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// The order that `key` stands for, as it is now, if the key was used in the last 24 hours.
    /// [`Error::KeyReused`] if that order is not what `basket` asks for.
    pub(crate) async fn keyed(
        &self,
        account_id: i64,
        key: &IdempotencyKey,
        basket: &Basket,
    ) -> Result<Option<Order>, Error> {
        let mut connection = self.pool.acquire().await?;
        let order = keyed(&mut connection, account_id, key, basket).await?;
        connection.done();
        Ok(order)
    }

    /// Writes a new order, its key and its event; or gives the order for which another call with the same key, maybe
    /// at this very moment, has been quicker.
    pub(crate) async fn create(
        &self,
        account_id: i64,
        key: Option<&IdempotencyKey>,
        basket: &Basket,
        priced: Priced,
    ) -> Result<Outcome, Error> {
        let mut connection = self.pool.acquire().await?;
        let order = rows::draft(&mut connection, account_id, priced).await?;
        let event = events::changed(&order)?;
        loop {
            crash::point("create-before-commit");
            let made = rows::insert(&mut connection, &order, key, &event).await?;
            crash::point("create-after-commit");
            if made {
                connection.done();
                return Ok(Outcome::Changed(order));
            }
            // Only a key stands in the way, and only until it expires.
            if let Some(key) = key
                && let Some(order) = keyed(&mut connection, account_id, key, basket).await?
            {
                return Ok(Outcome::Unchanged(order));
            }
        }
    }

    /// The order `id`, if it is in `scope`.
    pub(crate) async fn find(&self, id: i64, scope: Scope) -> Result<Option<Order>, Error> {
        let mut connection = self.pool.acquire().await?;
        let order = rows::find(&mut connection, id, scope).await?;
        connection.done();
        Ok(order)
    }

    /// Takes the order `id` to `status`; `None` if it is not in `scope`.
    /// [`Error::Transition`] if the state machine forbids it.
    pub(crate) async fn set_status(&self, id: i64, scope: Scope, status: Status) -> Result<Option<Outcome>, Error> {
        let mut connection = self.pool.acquire().await?;
        // Whoever comes between the two statements leaves another version. An order has but few: it ends.
        while let Some(order) = rows::find(&mut connection, id, scope).await? {
            match order.status.step(status) {
                Step::Same => {
                    connection.done();
                    return Ok(Some(Outcome::Unchanged(order)));
                }
                Step::Refused => return Err(Error::Transition { order: id, from: order.status, to: status }),
                Step::Allowed => {}
            }
            let next = Order { status, version: order.version + 1, ..order };
            let event = events::changed(&next)?;
            crash::point("status-before-commit");
            let advanced = rows::advance(&mut connection, &next, &event).await?;
            crash::point("status-after-commit");
            if advanced {
                connection.done();
                return Ok(Some(Outcome::Changed(next)));
            }
        }
        Ok(None)
    }

    /// At most `limit` orders of an account, newest first, older than the order `before`.
    pub(crate) async fn list(&self, account_id: i64, before: Option<i64>, limit: i64) -> Result<Vec<Order>, Error> {
        let mut connection = self.pool.acquire().await?;
        let orders = rows::list(&mut connection, account_id, before, limit).await?;
        connection.done();
        Ok(orders)
    }

    /// Deletes the keys that no longer count; returns how many.
    pub(crate) async fn forget_keys(&self) -> Result<u64, Error> {
        crash::point("forget-before-delete");
        let forgotten = keys::delete_expired(&self.pool).await?;
        crash::point("forget-after-delete");
        Ok(forgotten)
    }
}

async fn keyed(
    connection: &mut PgConnection,
    account_id: i64,
    key: &IdempotencyKey,
    basket: &Basket,
) -> Result<Option<Order>, Error> {
    let Some(id) = keys::order_id(connection, account_id, key).await? else { return Ok(None) };
    let Some(order) = rows::find(connection, id, Scope::OwnedBy(account_id)).await? else { return Ok(None) };
    if basket.is(&order.lines) { Ok(Some(order)) } else { Err(Error::KeyReused(key.clone())) }
}
