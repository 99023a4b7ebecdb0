//! Opening a session and cancelling an order: both lock the order's row first, so one of them sees the other.

use kit::crash;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor, Row};

use super::{Error, Store};
use crate::domain::{Order, Status, TransactionId};

/// What came of asking for a session.
#[derive(Debug)]
pub(crate) enum Session {
    /// The order's open transaction, new or not.
    Open(TransactionId),
    /// The provider has taken the money already.
    Paid,
    /// The order's cancellation has been heard.
    Cancelled,
}

impl Store {
    /// The order's open transaction: the one there is, else a new one over its total.
    pub(crate) async fn open_session(&self, order: &Order, traceparent: Option<&str>) -> Result<Session, Error> {
        loop {
            crash::point("session-before-commit");
            let (cancelled, new) = insert(&self.pool, order, traceparent).await?;
            crash::point("session-after-commit");
            match (cancelled, new) {
                (true, _) => return Ok(Session::Cancelled),
                (false, Some(id)) => return Ok(Session::Open(id)),
                (false, None) => {}
            }
            // One is in the way. A webhook may turn it while we look: the row lock makes us see what it left.
            let current = sqlx::query(
                "SELECT id, status FROM transactions
                 WHERE order_id = $1 AND status IN ('PENDING', 'SUCCESS') FOR SHARE",
            )
            .bind(order.id)
            .fetch_optional(&self.pool)
            .await?;
            if let Some(row) = current {
                return match row.try_get::<&str, _>("status")?.parse()? {
                    Status::Pending => Ok(Session::Open(super::transactions::id(&row)?)),
                    Status::Success | Status::Failed | Status::Voided | Status::Refunded => Ok(Session::Paid),
                };
            }
        }
    }
}

/// Whether the order's cancellation has been heard, and else the new transaction over its total; neither if a transaction
/// is in the way that is open or was paid. One statement: the order's row is locked before the transaction is made.
async fn insert(
    executor: impl PgExecutor<'_>,
    order: &Order,
    traceparent: Option<&str>,
) -> Result<(bool, Option<TransactionId>), Error> {
    let id = TransactionId::random();
    let (cancelled, made): (bool, bool) = sqlx::query_as(
        "WITH locked AS (
             INSERT INTO orders (id) VALUES ($2) ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id
             RETURNING cancelled_at IS NOT NULL AS cancelled),
         made AS (
             INSERT INTO transactions (id, order_id, account_id, amount_cents, lines, status, traceparent)
             SELECT $1, $2, $3, $4, $5, 'PENDING', $6 FROM locked WHERE NOT cancelled
             ON CONFLICT (order_id) WHERE status IN ('PENDING', 'SUCCESS') DO NOTHING
             RETURNING id)
         SELECT cancelled, EXISTS (SELECT FROM made) FROM locked",
    )
    .bind(id.expose())
    .bind(order.id)
    .bind(order.account_id)
    .bind(order.total_cents)
    .bind(Json(&order.lines))
    .bind(traceparent)
    .fetch_one(executor)
    .await?;
    Ok((cancelled, made.then_some(id)))
}

/// Records that an order is cancelled and voids its open transaction. A paid one stays: order will refuse it when told.
pub(crate) async fn cancel_order(connection: &mut PgConnection, order_id: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO orders (id, cancelled_at) VALUES ($1, now())
         ON CONFLICT (id) DO UPDATE SET cancelled_at = COALESCE(orders.cancelled_at, EXCLUDED.cancelled_at)",
    )
    .bind(order_id)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE transactions SET status = 'VOIDED', settled_at = now() WHERE order_id = $1 AND status = 'PENDING'",
    )
    .bind(order_id)
    .execute(connection)
    .await?;
    Ok(())
}
