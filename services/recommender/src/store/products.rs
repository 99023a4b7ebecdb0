//! The replica of the catalog.

use sqlx::PgConnection;

use crate::domain::Product;

/// Keeps the product as of `version`, unless something as new is known. Version 0 is that of events without one: among
/// those the last to come counts. What was deleted stays so, since ids are never used again.
pub(crate) async fn save(connection: &mut PgConnection, product: &Product, version: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH raised AS (UPDATE revision SET n = n + 1 RETURNING n)
         INSERT INTO products (id, name, description, price_cents, version, deleted, revision)
         SELECT $1, $2, $3, $4, $5, FALSE, n FROM raised
         ON CONFLICT (id) DO UPDATE SET
             name = EXCLUDED.name, description = EXCLUDED.description, price_cents = EXCLUDED.price_cents,
             version = EXCLUDED.version, revision = EXCLUDED.revision
         WHERE NOT products.deleted
             AND (EXCLUDED.version > products.version OR (EXCLUDED.version = 0 AND products.version = 0))",
    )
    .bind(&product.id)
    .bind(&product.name)
    .bind(&product.description)
    .bind(product.price.get())
    .bind(version)
    .execute(connection)
    .await
    .map(drop)
}

/// Leaves a tombstone in the product's place. Without a version it counts whatever is known.
pub(crate) async fn delete(connection: &mut PgConnection, id: &str, version: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH raised AS (UPDATE revision SET n = n + 1 RETURNING n)
         INSERT INTO products (id, name, description, price_cents, version, deleted, revision)
         SELECT $1, '', '', 0, $2, TRUE, n FROM raised
         ON CONFLICT (id) DO UPDATE SET
             name = '', description = '', price_cents = 0,
             version = GREATEST(EXCLUDED.version, products.version), deleted = TRUE, revision = EXCLUDED.revision
         WHERE NOT products.deleted AND (EXCLUDED.version > products.version OR EXCLUDED.version = 0)",
    )
    .bind(id)
    .bind(version)
    .execute(connection)
    .await
    .map(drop)
}
