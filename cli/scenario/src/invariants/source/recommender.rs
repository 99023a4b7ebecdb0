use sqlx::{PgConnection, Row as _};

use crate::invariants::history::{Interactions, Recommender, Replica};

pub(super) async fn read(connection: &mut PgConnection) -> Result<Recommender, sqlx::Error> {
    let imported = "SELECT count(*) FROM imported_baskets";
    Ok(Recommender {
        products: products(connection).await?,
        orders: orders(connection).await?,
        imported: sqlx::query_scalar(imported).fetch_one(&mut *connection).await?,
        inbox: super::inbox("recommender", connection).await?,
    })
}

async fn products(connection: &mut PgConnection) -> Result<Vec<Replica>, sqlx::Error> {
    let query = "SELECT id, name, description, price_cents::bigint, version, deleted FROM products";
    let rows: Vec<(String, String, String, i64, i64, bool)> = sqlx::query_as(query).fetch_all(connection).await?;
    let replica = |(id, name, description, price, version, deleted)| {
        let description = Some(description);
        Replica { id, name, description, price, version, deleted }
    };
    Ok(rows.into_iter().map(replica).collect())
}

async fn orders(connection: &mut PgConnection) -> Result<Vec<Interactions>, sqlx::Error> {
    let query = "SELECT id, account_id, product_ids, quantities, cancelled, version FROM orders ORDER BY id";
    let rows = sqlx::query(query).fetch_all(connection).await?;
    let order = |row: &sqlx::postgres::PgRow| {
        let products: Vec<String> = row.try_get("product_ids")?;
        let quantities: Vec<i64> = row.try_get("quantities")?;
        Ok(Interactions {
            order: row.try_get("id")?,
            account: row.try_get("account_id")?,
            lines: products.into_iter().zip(quantities).collect(),
            cancelled: row.try_get("cancelled")?,
            version: row.try_get("version")?,
        })
    };
    rows.iter().map(order).collect()
}
