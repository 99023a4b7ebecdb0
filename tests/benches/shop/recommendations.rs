//! Recommendations out of a long history.

use std::time::{Duration, Instant};

use proto::pb::{self, recommender_service_client::RecommenderServiceClient};
use tonic::transport::Channel;

use crate::{
    baskets::Baskets,
    cpu::Meter,
    figure::{Measured, Promise, Unit, milliseconds},
    load::Load,
    shop::Shop,
};

pub(crate) const ORDERS: usize = 100_000;
/// Of them each has ten orders.
const ACCOUNTS: usize = 10_000;
/// About as many as the real shop's.
const FEW: usize = 1_000;
/// In one statement.
const BATCH: usize = 5_000;
/// For recommender to hear of the whole catalog.
const HEARD: Duration = Duration::from_secs(60);
const TIME: Duration = Duration::from_secs(3);

const NOW: &str = "GetRecommendations of the shop as it is, p99";
const MANY: &str = "GetRecommendations with 100,000 orders, p99";

/// One question after the other, each for another account: of few orders, then of many.
pub(crate) async fn by_user(shop: &Shop) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    remember(shop, FEW).await?;
    ask(shop, NOW, &mut measured).await?;
    remember(shop, ORDERS).await?;
    ask(shop, MANY, &mut measured).await?;
    Ok(measured)
}

/// The same once the shop has grown: what it is now is many.
pub(crate) async fn grown(shop: &Shop) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    ask(shop, NOW, &mut measured).await?;
    Ok(measured)
}

async fn ask(shop: &Shop, what: &'static str, measured: &mut Measured) -> anyhow::Result<()> {
    let ask = async |recommender: &mut RecommenderServiceClient<Channel>| {
        let user_id = rand::random_range(1..=ACCOUNTS).to_string();
        let request = pb::RecommendationRequestForUserId { user_id, skip: 0, take: 5 };
        let answer = recommender.get_recommendations(request).await?.into_inner();
        anyhow::ensure!(!answer.recommended_products.is_empty(), "there is nothing to recommend");
        Ok(())
    };
    let mut clients = [RecommenderServiceClient::new(shop.channel("recommender")?)];
    let begun = Instant::now();
    // The first one waits for the model to take all the orders in.
    ask(&mut clients[0]).await?;
    let taken_in = begun.elapsed().as_secs_f64();
    Load::of(&mut clients, TIME / 10, ask).await?;
    let meter = Meter::start(shop)?;
    let load = Load::of(&mut clients, TIME, ask).await?;
    meter.stop(load.count(), measured)?;
    let (p50, p99) = (milliseconds(&load.times, 0.5), milliseconds(&load.times, 0.99));
    measured.add(what, p99, Unit::Milliseconds, Promise { bar: 5.0, aim: 5.0 });
    measured.notes.push(format!("{p50:.2} ms at p50, one at a time; the first one took {taken_in:.2} s"));
    Ok(())
}

/// Gives recommender's database so many orders, as if it had heard of them: through the front door that would take
/// minutes. Orders that it was given before are replaced, so that they are of the whole catalog.
pub(crate) async fn remember(shop: &Shop, orders: usize) -> anyhow::Result<()> {
    let shelf = shelf(shop).await?;
    let baskets = Baskets::read(&shelf)?;
    let query = "
        WITH revision AS (UPDATE revision SET n = n + 1 RETURNING n)
        INSERT INTO orders (id, account_id, product_ids, quantities, cancelled, version, revision)
        SELECT 2000000000 + nth, 1 + nth % $3, ids::text[],
               array_fill(1::bigint, ARRAY[cardinality(ids::text[])]), FALSE, n, n
        FROM unnest($1::bigint[], $2::text[]) AS made (nth, ids), revision
        ON CONFLICT (id) DO UPDATE SET
            product_ids = excluded.product_ids, quantities = excluded.quantities,
            version = excluded.version, revision = excluded.revision";
    let accounts = i64::try_from(ACCOUNTS)?;
    for first in (0..orders).step_by(BATCH) {
        let numbers = first..orders.min(first + BATCH);
        let ids: Vec<String> = numbers.clone().map(|nth| format!("{{{}}}", baskets.nth(nth).join(","))).collect();
        let numbers: Vec<i64> = numbers.map(i64::try_from).collect::<Result<_, _>>()?;
        sqlx::query(query).bind(numbers).bind(ids).bind(accounts).execute(&shop.recommender_db).await?;
    }
    sqlx::query("ANALYZE").execute(&shop.recommender_db).await?;
    Ok(())
}

/// The products that recommender has heard of, once these are all: a shop is up before it has.
async fn shelf(shop: &Shop) -> anyhow::Result<Vec<String>> {
    let begun = Instant::now();
    loop {
        let shelf: Vec<String> = sqlx::query_scalar("SELECT id FROM products WHERE NOT deleted ORDER BY id")
            .fetch_all(&shop.recommender_db)
            .await?;
        if shelf.len() >= shop.products().len() {
            return Ok(shelf);
        }
        anyhow::ensure!(begun.elapsed() < HEARD, "recommender has heard of {} products within {HEARD:?}", shelf.len());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
