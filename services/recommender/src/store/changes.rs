//! What is new since a revision, for the model.

use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use kit::Cents;
use kit::database::Pool;
use sqlx::FromRow;

use crate::domain::{Basket, Order, Product};
use crate::error::Error;
use crate::model::Changes;

#[derive(FromRow)]
struct ProductRow {
    id: String,
    name: String,
    description: String,
    price_cents: i64,
    deleted: bool,
}

#[derive(FromRow)]
struct OrderRow {
    id: i64,
    account_id: i64,
    product_ids: Vec<String>,
    quantities: Vec<i64>,
    cancelled: bool,
}

/// Rows of one part: a history of years is never in memory twice.
const PART: usize = 1_000;

pub(super) fn since(pool: &Pool, since: i64, revision: i64) -> impl Stream<Item = Result<Changes, Error>> {
    let products =
        sqlx::query_as("SELECT id, name, description, price_cents, deleted FROM products WHERE revision > $1")
            .bind(since)
            .fetch(pool);
    let orders =
        sqlx::query_as("SELECT id, account_id, product_ids, quantities, cancelled FROM orders WHERE revision > $1")
            .bind(since)
            .fetch(pool);
    let imported =
        sqlx::query_as("SELECT id, product_ids FROM imported_baskets WHERE revision > $1").bind(since).fetch(pool);
    let products = products.try_chunks(PART).map(|rows| {
        let rows: Vec<ProductRow> = rows.map_err(|error| error.1)?;
        let products = rows.into_iter().map(ProductRow::into_change).collect::<Result<_, _>>()?;
        Ok(Changes { products, ..Changes::default() })
    });
    let orders = orders.try_chunks(PART).map(|rows| {
        let rows: Vec<OrderRow> = rows.map_err(|error| error.1)?;
        Ok(Changes { orders: rows.into_iter().map(OrderRow::into_order).collect(), ..Changes::default() })
    });
    let imported = imported
        .try_chunks(PART)
        .map(|rows| Ok(Changes { imported: rows.map_err(|error| error.1)?, ..Changes::default() }));
    let end = Changes { revision: Some(revision), ..Changes::default() };
    products.chain(orders).chain(imported).chain(stream::once(async { Ok(end) }))
}

impl ProductRow {
    fn into_change(self) -> Result<(String, Option<Product>), Error> {
        let Self { id, name, description, price_cents, deleted } = self;
        if deleted {
            return Ok((id, None));
        }
        match Cents::try_from(price_cents) {
            Ok(price) => Ok((id.clone(), Some(Product { id, name, description, price }))),
            Err(error) => Err(Error::Stored { product: id, reason: error.to_string() }),
        }
    }
}

impl OrderRow {
    fn into_order(self) -> Order {
        let Self { id, account_id, product_ids, quantities, cancelled } = self;
        Order { id, account_id, basket: Basket { product_ids, quantities }, cancelled }
    }
}
