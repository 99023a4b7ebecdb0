//! Opening a session and cancelling an order: both lock the order's row first, so one of them sees the other.

use kit::crash;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};

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
    pub(crate) async fn open_session(&self, order: &Order) -> Result<Session, Error> {
        let mut transaction = self.pool.begin().await?;
        let cancelled: bool = sqlx::query_scalar(
            "INSERT INTO orders (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id
             RETURNING cancelled_at IS NOT NULL",
        )
        .bind(order.id)
        .fetch_one(&mut *transaction)
        .await?;
        if cancelled {
            return Ok(Session::Cancelled);
        }
        let open = loop {
            if let Some(id) = insert(&mut transaction, order).await? {
                break id;
            }
            // A webhook may turn the one that is in the way while we look: the row lock makes us see what it left.
            let current = sqlx::query(
                "SELECT id, status FROM transactions
                 WHERE order_id = $1 AND status IN ('PENDING', 'SUCCESS') FOR SHARE",
            )
            .bind(order.id)
            .fetch_optional(&mut *transaction)
            .await?;
            if let Some(row) = current {
                return match row.try_get::<&str, _>("status")?.parse()? {
                    Status::Pending => Ok(Session::Open(super::transactions::id(&row)?)),
                    Status::Success | Status::Failed | Status::Voided | Status::Refunded => Ok(Session::Paid),
                };
            }
        };
        crash::point("session-before-commit");
        transaction.commit().await?;
        crash::point("session-after-commit");
        Ok(Session::Open(open))
    }
}

/// A new transaction over the order's total; `None` if one is in the way that is open or was paid.
async fn insert(connection: &mut PgConnection, order: &Order) -> Result<Option<TransactionId>, sqlx::Error> {
    let id = TransactionId::random();
    let inserted = sqlx::query(
        "INSERT INTO transactions (id, order_id, account_id, amount_cents, lines, status)
         VALUES ($1, $2, $3, $4, $5, 'PENDING')
         ON CONFLICT (order_id) WHERE status IN ('PENDING', 'SUCCESS') DO NOTHING",
    )
    .bind(id.expose())
    .bind(order.id)
    .bind(order.account_id)
    .bind(order.total_cents)
    .bind(Json(&order.lines))
    .execute(connection)
    .await?;
    Ok((inserted.rows_affected() == 1).then_some(id))
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
