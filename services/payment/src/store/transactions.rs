//! Reading transactions.

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::{Error, Listed, Store};
use crate::domain::{Line, Outcome, Status, TransactionId};

/// One try to pay an order.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) status: Status,
    pub(crate) amount_cents: i64,
    pub(crate) created_at: OffsetDateTime,
    /// Whether order has answered about the outcome, or nothing was left to tell.
    pub(crate) settled: bool,
}

/// What the payment page says of a transaction.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) id: TransactionId,
    pub(crate) order_id: i64,
    pub(crate) amount_cents: i64,
    pub(crate) status: Status,
    /// What a person decided on the page, if the provider knows already.
    pub(crate) decided: Option<Outcome>,
    /// Where its order's trace goes on.
    pub(crate) traceparent: Option<String>,
}

/// What a person who pays wants to see as well.
#[derive(Debug, Default)]
pub(crate) struct Bill {
    pub(crate) lines: Vec<Line>,
    /// What the price list knows of the lines' products.
    pub(crate) listed: Vec<Listed>,
}

impl Store {
    /// An order's transactions, oldest first.
    pub(crate) async fn transactions(&self, order_id: i64) -> Result<Vec<Transaction>, Error> {
        let rows = sqlx::query(
            "SELECT status, amount_cents, created_at, settled_at IS NOT NULL AS settled
             FROM transactions WHERE order_id = $1 ORDER BY created_at, id",
        )
        .bind(order_id)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Transaction {
                    status: status(row)?,
                    amount_cents: row.try_get("amount_cents")?,
                    created_at: row.try_get("created_at")?,
                    settled: row.try_get("settled")?,
                })
            })
            .collect()
    }

    /// A transaction as it is now; `None` if there is none.
    pub(crate) async fn view(&self, id: &TransactionId) -> Result<Option<View>, Error> {
        let row = sqlx::query(
            "SELECT t.id, t.order_id, t.amount_cents, t.status, t.traceparent, d.outcome
             FROM transactions t LEFT JOIN provider_deliveries d ON d.transaction_id = t.id
             WHERE t.id = $1",
        )
        .bind(id.expose())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(View {
            id: self::id(&row)?,
            order_id: row.try_get("order_id")?,
            amount_cents: row.try_get("amount_cents")?,
            status: status(&row)?,
            decided: row.try_get::<Option<&str>, _>("outcome")?.map(str::parse).transpose()?,
            traceparent: row.try_get("traceparent")?,
        }))
    }

    /// What a transaction is for, with the names of today; empty if there is no such transaction.
    pub(crate) async fn bill(&self, id: &TransactionId) -> Result<Bill, Error> {
        let row = sqlx::query(
            "SELECT t.lines, p.listed
             FROM transactions t,
                 LATERAL (
                     SELECT COALESCE(jsonb_agg(to_jsonb(p)), '[]') AS listed
                     FROM price_list p
                     WHERE p.name <> '' AND p.product_id = ANY (
                         ARRAY(SELECT line ->> 'product_id' FROM jsonb_array_elements(t.lines) AS line))) AS p
             WHERE t.id = $1",
        )
        .bind(id.expose())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(Bill::default()) };
        let (Json(lines), Json(listed)) = (row.try_get("lines")?, row.try_get("listed")?);
        Ok(Bill { lines, listed })
    }
}

pub(super) fn status(row: &PgRow) -> Result<Status, Error> {
    Ok(row.try_get::<&str, _>("status")?.parse()?)
}

pub(super) fn id(row: &PgRow) -> Result<TransactionId, Error> {
    TransactionId::parse(row.try_get("id")?).ok_or(Error::Id)
}
