use std::collections::HashMap;

use futures::TryStreamExt as _;
use sqlx::{PgConnection, Row as _};

use crate::invariants::history::{Line, Order, Waiting};

/// Amounts are cast: a column whose type is wrong is found by its type, and its values can still be read.
pub(super) async fn read(connection: &mut PgConnection) -> Result<(Vec<Order>, Vec<Waiting>), sqlx::Error> {
    let mut lines: HashMap<i64, Vec<Line>> = HashMap::new();
    let query =
        "SELECT order_id, product_id, quantity, price_cents::bigint FROM order_lines ORDER BY order_id, position";
    let mut rows = sqlx::query(query).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let line = Line {
            product: row.try_get("product_id")?,
            quantity: row.try_get("quantity")?,
            price: row.try_get("price_cents")?,
        };
        lines.entry(row.try_get("order_id")?).or_default().push(line);
    }
    drop(rows);
    let mut orders = Vec::new();
    let query = "SELECT id, account_id, status, total_cents::bigint, version FROM orders ORDER BY id";
    let mut rows = sqlx::query(query).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let id = row.try_get("id")?;
        orders.push(Order {
            id,
            account: row.try_get("account_id")?,
            status: row.try_get("status")?,
            total: row.try_get("total_cents")?,
            version: row.try_get("version")?,
            lines: lines.remove(&id).unwrap_or_default(),
        });
    }
    drop(rows);
    let query = "SELECT id, key, kind, extract(epoch FROM clock_timestamp() - occurred_at)::double precision AS age \
                 FROM outbox ORDER BY seq";
    let rows = sqlx::query(query).fetch_all(connection).await?;
    let waiting = rows.iter().map(|row| {
        let (id, key) = (row.try_get("id")?, row.try_get("key")?);
        Ok(Waiting { id, key, kind: row.try_get("kind")?, age: row.try_get("age")? })
    });
    Ok((orders, waiting.collect::<Result<_, sqlx::Error>>()?))
}
