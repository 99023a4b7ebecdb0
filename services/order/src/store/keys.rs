//! Idempotency keys: an account's, for 24 hours, each for one order that was made.

use kit::database::Pool;
use sqlx::PgConnection;

use crate::domain::IdempotencyKey;

/// The order that the key stands for.
pub(super) async fn order_id(
    connection: &mut PgConnection,
    account_id: i64,
    key: &IdempotencyKey,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT order_id FROM idempotency_keys
         WHERE account_id = $1 AND key = $2 AND created_at > now() - interval '24 hours'",
    )
    .bind(account_id)
    .bind(key.as_str())
    .fetch_optional(connection)
    .await
}

pub(super) async fn delete_expired(pool: &Pool) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query("DELETE FROM idempotency_keys WHERE created_at <= now() - interval '24 hours'")
        .execute(pool)
        .await?;
    Ok(deleted.rows_affected())
}
