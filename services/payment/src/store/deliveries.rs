//! The simulated provider's own records.

use std::time::Duration;

use kit::crash;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Error, Store, seconds, transactions};
use crate::domain::{Outcome, Status, TransactionId};

/// A webhook to send, claimed for a while.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) id: TransactionId,
    pub(crate) outcome: Outcome,
    pub(crate) webhook_id: String,
    pub(crate) payment_gateway_id: String,
    /// How often it has been tried, this time included.
    pub(crate) attempts: u32,
    pub(crate) traceparent: Option<String>,
}

/// What came of a person's decision.
#[derive(Debug)]
pub(crate) enum Decided {
    /// It is the first one; its webhook is the caller's to send until the lease ends.
    Now(Delivery),
    /// The transaction had this outcome already.
    Before(Outcome),
    /// The order was cancelled meanwhile.
    Gone,
}

impl Store {
    /// Takes a person's decision down, unless there is one: the first counts. `None` if there is no such transaction.
    pub(crate) async fn decide(
        &self,
        id: &TransactionId,
        outcome: Outcome,
        lease: Duration,
        traceparent: Option<&str>,
    ) -> Result<Option<Decided>, Error> {
        crash::point("decision-before-commit");
        // The lock keeps out the cancellation of the order and every other decision.
        let row = sqlx::query(
            "WITH locked AS (
                 SELECT id, status FROM transactions WHERE id = $1 FOR UPDATE),
             made AS (
                 INSERT INTO provider_deliveries
                     (transaction_id, outcome, webhook_id, payment_gateway_id, attempts, due_at, traceparent)
                 SELECT id, $2, $3, $4, 1, now() + make_interval(secs => $5), $6 FROM locked WHERE status = $7
                 ON CONFLICT (transaction_id) DO NOTHING
                 RETURNING *)
             SELECT locked.id, locked.status, made.transaction_id IS NOT NULL AS made,
                 outcome, webhook_id, payment_gateway_id, attempts, traceparent
             FROM locked LEFT JOIN made ON true",
        )
        .bind(id.expose())
        .bind(outcome.as_str())
        .bind(format!("msg_{}", uuid::Uuid::new_v4().simple()))
        .bind(format!("pg_{}", uuid::Uuid::new_v4().simple()))
        .bind(seconds(lease))
        .bind(traceparent)
        .bind(Status::Pending.as_str())
        .fetch_optional(&self.pool)
        .await?;
        crash::point("decision-after-commit");
        let Some(row) = row else { return Ok(None) };
        match transactions::status(&row)? {
            Status::Voided | Status::Refunded => return Ok(Some(Decided::Gone)),
            Status::Success => return Ok(Some(Decided::Before(Outcome::Success))),
            Status::Failed => return Ok(Some(Decided::Before(Outcome::Failed))),
            Status::Pending => {}
        }
        if row.try_get("made")? {
            return Ok(Some(Decided::Now(delivery(&row)?)));
        }
        // What stood in the way was committed before the lock was ours, and is never deleted.
        let earlier: String = sqlx::query_scalar("SELECT outcome FROM provider_deliveries WHERE transaction_id = $1")
            .bind(id.expose())
            .fetch_one(&self.pool)
            .await?;
        Ok(Some(Decided::Before(earlier.parse()?)))
    }

    /// Claims up to `limit` webhooks that are due, as [`Store::claim_tellings`] does.
    pub(crate) async fn claim_deliveries(&self, limit: i64, lease: Duration) -> Result<Vec<Delivery>, Error> {
        let rows = sqlx::query(
            "WITH due AS (
                 SELECT transaction_id FROM provider_deliveries WHERE due_at <= now()
                 ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
             UPDATE provider_deliveries d SET attempts = d.attempts + 1, due_at = now() + make_interval(secs => $2)
             FROM due WHERE d.transaction_id = due.transaction_id
             RETURNING d.transaction_id AS id, d.*",
        )
        .bind(limit)
        .bind(seconds(lease))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(delivery).collect()
    }

    /// Puts a webhook off that got no answer, or a 5xx.
    pub(crate) async fn retry_delivery(&self, id: &TransactionId, delay: Duration, answer: &str) -> Result<(), Error> {
        crash::point("delivery-before-retry");
        sqlx::query(
            "UPDATE provider_deliveries SET due_at = now() + make_interval(secs => $2), last_answer = $3
             WHERE transaction_id = $1 AND due_at IS NOT NULL",
        )
        .bind(id.expose())
        .bind(seconds(delay))
        .bind(answer)
        .execute(&self.pool)
        .await?;
        crash::point("delivery-after-retry");
        Ok(())
    }

    /// Takes the answer down that ends a webhook's delivery.
    pub(crate) async fn finish_delivery(&self, id: &TransactionId, answer: &str) -> Result<(), Error> {
        crash::point("delivery-before-finish");
        sqlx::query("UPDATE provider_deliveries SET due_at = NULL, last_answer = $2 WHERE transaction_id = $1")
            .bind(id.expose())
            .bind(answer)
            .execute(&self.pool)
            .await?;
        crash::point("delivery-after-finish");
        Ok(())
    }
}

fn delivery(row: &PgRow) -> Result<Delivery, Error> {
    Ok(Delivery {
        id: transactions::id(row)?,
        outcome: row.try_get::<&str, _>("outcome")?.parse()?,
        webhook_id: row.try_get("webhook_id")?,
        payment_gateway_id: row.try_get("payment_gateway_id")?,
        attempts: row.try_get::<i32, _>("attempts")?.unsigned_abs(),
        traceparent: row.try_get("traceparent")?,
    })
}
