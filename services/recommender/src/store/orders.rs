//! What the shop's accounts ordered.

use sqlx::PgConnection;

use crate::domain::Order;

/// Keeps the order as of `version`, unless something as new is known. Version 0 is that of events without one: among
/// those the last to come counts, but nothing after a cancellation.
pub(crate) async fn save(connection: &mut PgConnection, order: &Order, version: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH raised AS (UPDATE revision SET n = n + 1 RETURNING n)
         INSERT INTO orders (id, account_id, product_ids, quantities, cancelled, version, revision)
         SELECT $1, $2, $3, $4, $5, $6, n FROM raised
         ON CONFLICT (id) DO UPDATE SET
             account_id = EXCLUDED.account_id, product_ids = EXCLUDED.product_ids, quantities = EXCLUDED.quantities,
             cancelled = EXCLUDED.cancelled, version = EXCLUDED.version, revision = EXCLUDED.revision
         WHERE EXCLUDED.version > orders.version
             OR (EXCLUDED.version = 0 AND orders.version = 0 AND NOT orders.cancelled)",
    )
    .bind(order.id)
    .bind(order.account_id)
    .bind(&order.basket.product_ids)
    .bind(&order.basket.quantities)
    .bind(order.cancelled)
    .bind(version)
    .execute(connection)
    .await
    .map(drop)
}
