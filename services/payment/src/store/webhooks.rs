//! Taking the provider's word, once.

use kit::crash;

use super::{Error, Store, transactions};
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
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) before: Status,
    pub(crate) after: Status,
}

impl Receipt {
    /// Whether order has something to hear because of this webhook.
    pub(crate) fn tells(&self) -> bool {
        self.before != self.after && self.after.tells().is_some()
    }
}

impl Store {
    /// Records a webhook and moves its transaction, in one go: however often and however parallel it comes, the
    /// transaction moves once. `None` if there is no such transaction.
    pub(crate) async fn receive(&self, webhook: &Webhook, traceparent: Option<&str>) -> Result<Option<Receipt>, Error> {
        let mut transaction = self.pool.begin().await?;
        let row = sqlx::query("SELECT status FROM transactions WHERE id = $1 FOR UPDATE")
            .bind(webhook.transaction_id.expose())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let before = transactions::status(&row)?;
        let receipt = Receipt { before, after: before.after(webhook.outcome) };
        // What order need not hear is settled at once: its order is cancelled.
        sqlx::query(
            "WITH moved AS (
                 UPDATE transactions SET status = $6, settled_at = CASE WHEN $7 THEN NULL ELSE now() END
                 WHERE id = $2 AND status <> $6),
             told AS (
                 INSERT INTO tellings (transaction_id, traceparent) SELECT $2, $8 WHERE $7)
             INSERT INTO webhooks
                 (webhook_id, transaction_id, outcome, payment_gateway_id, status_before, status_after)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (webhook_id, transaction_id, outcome)
             DO UPDATE SET deliveries = webhooks.deliveries + 1, last_at = now()",
        )
        .bind(&webhook.webhook_id)
        .bind(webhook.transaction_id.expose())
        .bind(webhook.outcome.as_str())
        .bind(&webhook.payment_gateway_id)
        .bind(receipt.before.as_str())
        .bind(receipt.after.as_str())
        .bind(receipt.tells())
        .bind(traceparent)
        .execute(&mut *transaction)
        .await?;
        if receipt.before != receipt.after && receipt.after == Status::Refunded {
            super::tellings::record_refund(&mut transaction, &webhook.transaction_id).await?;
        }
        crash::point("webhook-before-commit");
        transaction.commit().await?;
        crash::point("webhook-after-commit");
        Ok(Some(receipt))
    }
}
