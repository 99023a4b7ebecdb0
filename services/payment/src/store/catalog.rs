//! The price list: what product's events say, newest version only.

use serde::Deserialize;
use sqlx::PgConnection;

/// A product as the catalog has it now; a deleted one keeps its name, since people still pay orders with it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Listed {
    pub(crate) product_id: String,
    pub(crate) name: String,
    pub(crate) price_cents: i64,
}

/// Takes a product's newer version; an older one, or one of a deleted product, changes nothing. Version 0 (a producer
/// that counts none) goes over version 0 only.
pub(crate) async fn put_product(
    connection: &mut PgConnection,
    product: &Listed,
    version: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO price_list (product_id, version, name, price_cents, deleted) VALUES ($1, $2, $3, $4, false)
         ON CONFLICT (product_id) DO UPDATE
         SET version = EXCLUDED.version, name = EXCLUDED.name, price_cents = EXCLUDED.price_cents
         WHERE NOT price_list.deleted
           AND (price_list.version < EXCLUDED.version OR (price_list.version = 0 AND EXCLUDED.version = 0))",
    )
    .bind(&product.product_id)
    .bind(version)
    .bind(&product.name)
    .bind(product.price_cents)
    .execute(connection)
    .await?;
    Ok(())
}

/// Leaves a tombstone, also of a product never heard of. Deletion is final: an id is never used again.
pub(crate) async fn delete_product(
    connection: &mut PgConnection,
    product_id: &str,
    version: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO price_list (product_id, version, name, price_cents, deleted) VALUES ($1, $2, '', 0, true)
         ON CONFLICT (product_id) DO UPDATE
         SET deleted = true, version = GREATEST(price_list.version, EXCLUDED.version)",
    )
    .bind(product_id)
    .bind(version)
    .execute(connection)
    .await?;
    Ok(())
}
