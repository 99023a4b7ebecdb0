//! Past baskets of another system.

use sqlx::PgConnection;

use crate::domain::Imported;

/// Whether the basket's id is new. A basket that was imported before stays as it is.
pub(super) async fn insert(
    connection: &mut PgConnection,
    basket: &Imported,
    revision: i64,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query(
        "INSERT INTO imported_baskets (id, customer, ordered_at, product_ids, quantities, revision)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
    )
    .bind(&basket.id)
    .bind(&basket.customer)
    .bind(basket.ordered_at)
    .bind(&basket.basket.product_ids)
    .bind(&basket.basket.quantities)
    .bind(revision)
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}
