//! The same shop with far more in it.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    figure::{Figure, Measured, Promise, Unit},
    recommendations::{self, ORDERS},
    shop::Shop,
};

/// Ten times what is seeded.
const PRODUCTS: usize = 22_050;
/// In one request, at most.
const BULK: usize = 5_000;

/// For all of them to be known to the rest of the shop.
const HEARD: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(100);

/// A cost below this part of its bar is as good as none: how many times nothing it is, says nothing.
const NOTHING: f64 = 0.01;

/// Fills the catalog through its front door, and orders and recommendations behind the scenes: that many orders would
/// take minutes otherwise.
pub(crate) async fn grow(shop: &Shop) -> anyhow::Result<()> {
    let token = shop.register(&Shop::email(), "long enough").await?;
    let mut have = shop.products().len();
    while have < PRODUCTS {
        let many = BULK.min(PRODUCTS - have);
        let product = |nth: usize| json!({ "name": format!("LAMP No {nth}"), "description": "", "price": 2.5 });
        let items: Vec<Value> = (have..have + many).map(product).collect();
        let request = shop.http.post(format!("{}/products/bulk", shop.address("product")?)).bearer_auth(&token);
        request.json(&json!({ "items": items })).send().await?.error_for_status()?;
        have += many;
    }
    shop.look().await?;
    let query = "
        WITH made AS (
            INSERT INTO orders (account_id, status, total_cents, version)
            SELECT 1 + nth % 10000, 'PAID', 500, 2 FROM generate_series((SELECT count(*) FROM orders), $1) AS nth
            RETURNING id)
        INSERT INTO order_lines (order_id, position, product_id, quantity, price_cents)
        SELECT id, position, ($2::text[])[1 + (id * 31 + position * 17) % cardinality($2::text[])], 1, 250
        FROM made, generate_series(1, 2) AS position";
    sqlx::query(query).bind(i64::try_from(ORDERS)?).bind(shop.products().as_ref()).execute(&shop.order_db).await?;
    // As autovacuum would do in a minute.
    sqlx::query("ANALYZE").execute(&shop.order_db).await?;
    // The new products' events are still on their way.
    let deadline = Instant::now() + HEARD;
    let count = "SELECT count(*) >= $1 FROM products";
    let many = i64::try_from(PRODUCTS)?;
    while !sqlx::query_scalar::<_, bool>(count).bind(many).fetch_one(&shop.recommender_db).await? {
        anyhow::ensure!(Instant::now() < deadline, "recommender has not heard of all products after {HEARD:?}");
        sleep(LOOK).await;
    }
    // Of all that is in the catalog now.
    recommendations::remember(shop, ORDERS).await.context("recommender cannot be filled")?;
    Ok(())
}

/// The figures after, each with how many times as much it costs as before.
pub(crate) fn compared(before: &Measured, after: &Measured) -> Measured {
    let mut compared = Measured { cpu: after.cpu.clone(), notes: after.notes.clone(), ..Measured::default() };
    for after in &after.figures {
        compared.figures.push(after.clone());
        let Some(before) = before.figures.iter().find(|before| before.what == after.what) else { continue };
        let cost = match after.unit {
            Unit::PerSecond => before.value / after.value,
            Unit::Milliseconds | Unit::Seconds | Unit::Mebibytes | Unit::Percent | Unit::Times => {
                let least = after.promise.bar * NOTHING;
                after.value.max(least) / before.value.max(least)
            }
        };
        let promise = Promise { bar: 1.3, aim: 1.3 };
        compared.figures.push(Figure {
            what: "  cost with 10 times the data",
            value: cost,
            unit: Unit::Times,
            promise,
        });
    }
    compared
}
