//! Taking the provider's word, once.

use std::time::Duration;

use kit::crash;
use sqlx::Row;

use super::{Error, Store, Telling, seconds};
use crate::domain::{Outcome, Status, TransactionId};

/// A webhook whose signature held.
#[derive(Debug)]
pub(crate) struct Webhook {
    pub(crate) webhook_id: String,
    pub(crate) transaction_id: TransactionId,
    pub(crate) outcome: Outcome,
    pub(crate) payment_gateway_id: String,
}

/// What a webhook did.
#[derive(Debug)]
pub(crate) struct Receipt {
    pub(crate) order_id: i64,
    pub(crate) before: Status,
    pub(crate) after: Status,
    /// What order has to hear because of this webhook; the caller's to tell until the lease ends.
    pub(crate) telling: Option<Telling>,
}

impl Store {
    /// Records a webhook and moves its transaction, in one go: however often and however parallel it comes, the
    /// transaction moves once. `None` if there is no such transaction.
    pub(crate) async fn receive(
        &self,
        webhook: &Webhook,
        lease: Duration,
        traceparent: Option<&str>,
    ) -> Result<Option<Receipt>, Error> {
        crash::point("webhook-before-commit");
        // The domain's word for every status that the lock may find. What order need not hear is settled at once: its order
        // is cancelled.
        let after = |before: &Status| before.after(webhook.outcome);
        let tells = |before: &Status| after(before) != *before && after(before).tells().is_some();
        let row = sqlx::query(
            "WITH locked AS (
                 SELECT id, order_id, amount_cents, status FROM transactions WHERE id = $2 FOR UPDATE),
             turn AS (
                 SELECT locked.*, rule.* FROM locked
                 JOIN unnest($5::text[], $6::text[], $7::boolean[]) AS rule (before, after, tells) ON before = status),
             moved AS (
                 UPDATE transactions SET status = after, settled_at = CASE WHEN tells THEN NULL ELSE now() END
                 FROM turn WHERE transactions.id = turn.id AND before <> after),
             told AS (
                 INSERT INTO tellings (transaction_id, attempts, due_at, traceparent)
                 SELECT id, 1, now() + make_interval(secs => $8), $9 FROM turn WHERE tells),
             refunded AS (
                 INSERT INTO refunds (transaction_id, amount_cents)
                 SELECT id, amount_cents FROM turn WHERE before <> after AND after = $10),
             recorded AS (
                 INSERT INTO webhooks
                     (webhook_id, transaction_id, outcome, payment_gateway_id, status_before, status_after)
                 SELECT $1, id, $3, $4, before, after FROM turn
                 ON CONFLICT (webhook_id, transaction_id, outcome)
                 DO UPDATE SET deliveries = webhooks.deliveries + 1, last_at = now())
             SELECT order_id, before, after, tells FROM turn",
        )
        .bind(&webhook.webhook_id)
        .bind(webhook.transaction_id.expose())
        .bind(webhook.outcome.as_str())
        .bind(&webhook.payment_gateway_id)
        .bind(Status::ALL.map(Status::as_str))
        .bind(Status::ALL.each_ref().map(|before| after(before).as_str()))
        .bind(Status::ALL.each_ref().map(tells))
        .bind(seconds(lease))
        .bind(traceparent)
        .bind(Status::Refunded.as_str())
        .fetch_optional(&self.pool)
        .await?;
        crash::point("webhook-after-commit");
        let Some(row) = row else { return Ok(None) };
        let status = |column| Ok::<Status, Error>(row.try_get::<&str, _>(column)?.parse()?);
        let (before, after) = (status("before")?, status("after")?);
        let order_id = row.try_get("order_id")?;
        let telling = Telling {
            id: webhook.transaction_id.clone(),
            order_id,
            status: after,
            attempts: 1,
            traceparent: traceparent.map(str::to_owned),
            last_error: None,
        };
        let tells: bool = row.try_get("tells")?;
        Ok(Some(Receipt { order_id, before, after, telling: tells.then_some(telling) }))
    }
}
