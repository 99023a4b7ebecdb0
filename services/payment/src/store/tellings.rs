//! What order must still be told.

use std::time::Duration;

use kit::crash;
use sqlx::{Connection as _, PgExecutor, Row};

use super::{Error, Store, seconds, transactions};
use crate::domain::{Status, TransactionId};

/// One outcome to tell, claimed for a while.
#[derive(Debug)]
pub(crate) struct Telling {
    pub(crate) id: TransactionId,
    pub(crate) order_id: i64,
    pub(crate) status: Status,
    /// How often it has been tried, this time included.
    pub(crate) attempts: u32,
    pub(crate) traceparent: Option<String>,
    /// Why it is told again.
    pub(crate) last_error: Option<String>,
}

/// What order's answer means for a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// It stands as it is.
    Stands,
    /// Its order was cancelled before the money came: the provider gives it back.
    Refunded,
}

impl Store {
    /// Claims up to `limit` tellings that are due. Another replica passes them over until `lease` has gone by; a claim
    /// whose holder died is due again then.
    pub(crate) async fn claim_tellings(&self, limit: i64, lease: Duration) -> Result<Vec<Telling>, Error> {
        let rows = sqlx::query(
            "WITH due AS (
                 SELECT transaction_id FROM tellings WHERE due_at <= now()
                 ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
             UPDATE tellings SET attempts = tellings.attempts + 1, due_at = now() + make_interval(secs => $2)
             FROM due, transactions t
             WHERE tellings.transaction_id = due.transaction_id AND t.id = due.transaction_id
             RETURNING t.id, t.order_id, t.status, tellings.attempts, tellings.traceparent,
                 tellings.last_error",
        )
        .bind(limit)
        .bind(seconds(lease))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Telling {
                    id: transactions::id(row)?,
                    order_id: row.try_get("order_id")?,
                    status: transactions::status(row)?,
                    attempts: row.try_get::<i32, _>("attempts")?.unsigned_abs(),
                    traceparent: row.try_get("traceparent")?,
                    last_error: row.try_get("last_error")?,
                })
            })
            .collect()
    }

    /// Puts a telling off that got no answer.
    pub(crate) async fn retry_telling(&self, id: &TransactionId, delay: Duration, error: &str) -> Result<(), Error> {
        crash::point("telling-before-retry");
        sqlx::query(
            "UPDATE tellings SET due_at = now() + make_interval(secs => $2), last_error = $3 WHERE transaction_id = $1",
        )
        .bind(id.expose())
        .bind(seconds(delay))
        .bind(error)
        .execute(&self.pool)
        .await?;
        crash::point("telling-after-retry");
        Ok(())
    }

    /// Takes order's answer down. Twice is as good as once: both replicas heard the same final state of the order.
    pub(crate) async fn settle(&self, id: &TransactionId, settlement: Settlement) -> Result<(), Error> {
        crash::point("telling-before-settle");
        match settlement {
            Settlement::Stands => settle(&self.pool, id).await?,
            Settlement::Refunded => {
                let mut connection = self.pool.acquire().await?;
                let mut transaction = connection.begin().await?;
                settle(&mut *transaction, id).await?;
                let turned =
                    sqlx::query("UPDATE transactions SET status = 'REFUNDED' WHERE id = $1 AND status = 'SUCCESS'")
                        .bind(id.expose())
                        .execute(&mut *transaction)
                        .await?;
                if turned.rows_affected() == 1 {
                    sqlx::query(
                        "INSERT INTO refunds (transaction_id, amount_cents)
                         SELECT id, amount_cents FROM transactions WHERE id = $1",
                    )
                    .bind(id.expose())
                    .execute(&mut *transaction)
                    .await?;
                }
                transaction.commit().await?;
                connection.done();
            }
        }
        crash::point("telling-after-settle");
        Ok(())
    }
}

async fn settle(executor: impl PgExecutor<'_>, id: &TransactionId) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH told AS (DELETE FROM tellings WHERE transaction_id = $1)
         UPDATE transactions SET settled_at = now() WHERE id = $1 AND settled_at IS NULL",
    )
    .bind(id.expose())
    .execute(executor)
    .await
    .map(drop)
}
