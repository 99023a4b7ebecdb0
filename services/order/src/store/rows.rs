//! Orders and their lines as rows.

use bus::Event;
use kit::Cents;
use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;

use crate::domain::access::Scope;
use crate::domain::basket::Priced;
use crate::domain::{IdempotencyKey, Line, Order, Status};
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

/// An order that is still to be written, with the id and the time that it will have. If it is not, its id stays unused.
pub(super) async fn draft(
    connection: &mut PgConnection,
    account_id: i64,
    priced: Priced,
) -> Result<Order, sqlx::Error> {
    let Priced { lines, total } = priced;
    let (id, created_at) = sqlx::query_as("SELECT nextval('orders_id_seq'), now()").fetch_one(connection).await?;
    Ok(Order { id, account_id, status: Status::Pending, total, version: 1, created_at, lines })
}

/// Writes a new order, its lines, its key and its event, all or nothing; `false` if the key stands for another order.
/// Of two that come at once the second waits for the first.
pub(super) async fn insert(
    connection: &mut PgConnection,
    order: &Order,
    key: Option<&IdempotencyKey>,
    event: &Event,
) -> Result<bool, sqlx::Error> {
    let insert = sqlx::query(
        "WITH kept AS (
             INSERT INTO idempotency_keys (account_id, key, order_id) SELECT $10, $16, $9 WHERE $16 IS NOT NULL
             ON CONFLICT (account_id, key) DO UPDATE SET order_id = EXCLUDED.order_id, created_at = EXCLUDED.created_at
             WHERE idempotency_keys.created_at <= now() - interval '24 hours'
             RETURNING order_id),
         made AS (
             INSERT INTO orders (id, account_id, status, total_cents, version, created_at) OVERRIDING SYSTEM VALUE
             SELECT $9, $10, $11, $12, $17, $18 WHERE $16 IS NULL OR EXISTS (SELECT FROM kept)
             RETURNING id),
         lines AS (
             INSERT INTO order_lines (order_id, position, product_id, quantity, price_cents)
             SELECT made.id, position, product_id, quantity, price_cents
             FROM made, unnest($13::text[], $14::bigint[], $15::bigint[])
                 WITH ORDINALITY AS line (product_id, quantity, price_cents, position))
         INSERT INTO outbox (id, topic, key, kind, source, occurred_at, value, traceparent)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8 FROM made",
    );
    let lines = &order.lines;
    let inserted = bus::outbox::bind(insert, event)
        .bind(order.id)
        .bind(order.account_id)
        .bind(order.status.word())
        .bind(order.total.get())
        .bind(lines.iter().map(|line| line.product_id.as_str()).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| i64::from(line.quantity)).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.price.get()).collect::<Vec<_>>())
        .bind(key.map(IdempotencyKey::as_str))
        .bind(order.version)
        .bind(order.created_at)
        .execute(connection)
        .await?;
    Ok(inserted.rows_affected() == 1)
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

/// Gives an order its next status and writes the event that tells of it; `false`, and nothing is written, if somebody
/// else has changed the order since the version before.
pub(super) async fn advance(connection: &mut PgConnection, next: &Order, event: &Event) -> Result<bool, sqlx::Error> {
    let advance = sqlx::query(
        "WITH advanced AS (
             UPDATE orders SET status = $10, version = $11 WHERE id = $9 AND version = $11 - 1 RETURNING id)
         INSERT INTO outbox (id, topic, key, kind, source, occurred_at, value, traceparent)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8 FROM advanced",
    );
    let advanced = bus::outbox::bind(advance, event)
        .bind(next.id)
        .bind(next.status.word())
        .bind(next.version)
        .execute(connection)
        .await?;
    Ok(advanced.rows_affected() == 1)
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
