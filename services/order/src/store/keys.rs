//! Idempotency keys: an account's, for 24 hours, each for one order that was made.

use sqlx::{PgConnection, PgPool};

use crate::domain::IdempotencyKey;

/// Waits until no other transaction holds the key; held until this one ends, however it ends.
pub(super) async fn lock(
    connection: &mut PgConnection,
    account_id: i64,
    key: &IdempotencyKey,
) -> Result<(), sqlx::Error> {
    // The account is the hash's seed. Should two keys share a hash, the worst is that one waits for the other.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))")
        .bind(key.as_str())
        .bind(account_id)
        .execute(connection)
        .await?;
    Ok(())
}

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

/// Lets the key stand for an order. The caller holds its lock, so that a row in the way can only be an expired one.
pub(super) async fn insert(
    connection: &mut PgConnection,
    account_id: i64,
    key: &IdempotencyKey,
    order_id: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO idempotency_keys (account_id, key, order_id) VALUES ($1, $2, $3)
         ON CONFLICT (account_id, key) DO UPDATE SET order_id = EXCLUDED.order_id, created_at = EXCLUDED.created_at",
    )
    .bind(account_id)
    .bind(key.as_str())
    .bind(order_id)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete_expired(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query("DELETE FROM idempotency_keys WHERE created_at <= now() - interval '24 hours'")
        .execute(pool)
        .await?;
    Ok(deleted.rows_affected())
}
