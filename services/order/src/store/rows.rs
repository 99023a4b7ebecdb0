//! Orders and their lines as rows.

use kit::Cents;
use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;

use crate::domain::access::Scope;
use crate::domain::basket::Priced;
use crate::domain::{Line, Order, Status};
use crate::error::Error;

/// A whole order as a row, as the view `whole_orders` has it: the lines column by column, in their order.
#[derive(FromRow)]
struct OrderRow {
    id: i64,
    account_id: i64,
    status: String,
    total_cents: i64,
    version: i64,
    created_at: OffsetDateTime,
    product_ids: Vec<String>,
    quantities: Vec<i64>,
    prices: Vec<i64>,
}

impl OrderRow {
    fn into_order(self) -> Result<Order, Error> {
        let Self { id, account_id, status, total_cents, version, created_at, product_ids, quantities, prices } = self;
        let stored = |reason: String| Error::Stored { order: id, reason };
        let cents = |cents: i64| Cents::try_from(cents).map_err(|error| stored(error.to_string()));
        let lines = product_ids.into_iter().zip(quantities).zip(prices).map(|((product_id, quantity), price)| {
            let quantity = u32::try_from(quantity).map_err(|_| stored(format!("quantity {quantity}")))?;
            Ok(Line { product_id, quantity, price: cents(price)? })
        });
        Ok(Order {
            id,
            account_id,
            status: Status::from_word(&status).ok_or_else(|| stored(format!("status {status:?}")))?,
            total: cents(total_cents)?,
            version,
            created_at,
            lines: lines.collect::<Result<_, Error>>()?,
        })
    }
}

/// A new order and its lines, in one round trip.
pub(super) async fn insert(
    connection: &mut PgConnection,
    account_id: i64,
    priced: Priced,
) -> Result<Order, sqlx::Error> {
    let Priced { lines, total } = priced;
    let (id, version, created_at) = sqlx::query_as(
        "WITH made AS (
             INSERT INTO orders (account_id, status, total_cents, version) VALUES ($1, $2, $3, 1)
             RETURNING id, version, created_at),
         lines AS (
             INSERT INTO order_lines (order_id, position, product_id, quantity, price_cents)
             SELECT made.id, position, product_id, quantity, price_cents
             FROM made, unnest($4::text[], $5::bigint[], $6::bigint[])
                 WITH ORDINALITY AS line (product_id, quantity, price_cents, position))
         SELECT id, version, created_at FROM made",
    )
    .bind(account_id)
    .bind(Status::Pending.word())
    .bind(total.get())
    .bind(lines.iter().map(|line| line.product_id.as_str()).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| i64::from(line.quantity)).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.price.get()).collect::<Vec<_>>())
    .fetch_one(connection)
    .await?;
    Ok(Order { id, account_id, status: Status::Pending, total, version, created_at, lines })
}

pub(super) async fn find(connection: &mut PgConnection, id: i64, scope: Scope) -> Result<Option<Order>, Error> {
    let row: Option<OrderRow> =
        sqlx::query_as("SELECT * FROM whole_orders WHERE id = $1 AND ($2::bigint IS NULL OR account_id = $2)")
            .bind(id)
            .bind(scope.account_id())
            .fetch_optional(connection)
            .await?;
    row.map(OrderRow::into_order).transpose()
}

/// One conditional update: the order that was in a status that may become `status`, and now has it.
pub(super) async fn advance(
    connection: &mut PgConnection,
    id: i64,
    scope: Scope,
    status: Status,
) -> Result<Option<Order>, Error> {
    let row: Option<OrderRow> = sqlx::query_as(
        "UPDATE orders SET status = $3, version = version + 1
         WHERE id = $1 AND ($2::bigint IS NULL OR account_id = $2) AND status = ANY($4)
         RETURNING *,
             ARRAY(SELECT product_id FROM order_lines WHERE order_id = $1 ORDER BY position) AS product_ids,
             ARRAY(SELECT quantity FROM order_lines WHERE order_id = $1 ORDER BY position) AS quantities,
             ARRAY(SELECT price_cents FROM order_lines WHERE order_id = $1 ORDER BY position) AS prices",
    )
    .bind(id)
    .bind(scope.account_id())
    .bind(status.word())
    .bind(status.sources().map(Status::word).collect::<Vec<_>>())
    .fetch_optional(connection)
    .await?;
    row.map(OrderRow::into_order).transpose()
}

pub(super) async fn list(
    connection: &mut PgConnection,
    account_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Order>, Error> {
    let rows: Vec<OrderRow> = sqlx::query_as(
        "SELECT * FROM whole_orders
         WHERE account_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
    )
    .bind(account_id)
    .bind(before)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(OrderRow::into_order).collect()
}
