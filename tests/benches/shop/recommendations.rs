//! Recommendations out of a long history.

use std::time::Duration;

use proto::pb::{self, recommender_service_client::RecommenderServiceClient};
use tonic::transport::Channel;

use crate::{
    cpu::Meter,
    figure::{Measured, Promise, Unit, milliseconds},
    load::Load,
    shop::Shop,
};

pub(crate) const ORDERS: i64 = 100_000;
/// Of them each has ten orders.
const ACCOUNTS: i64 = 10_000;
const TIME: Duration = Duration::from_secs(3);

/// One question after the other, each for another account.
pub(crate) async fn by_user(shop: &Shop) -> anyhow::Result<Measured> {
    remember(shop).await?;
    let ask = async |recommender: &mut RecommenderServiceClient<Channel>| {
        let user_id = rand::random_range(1..=ACCOUNTS).to_string();
        let request = pb::RecommendationRequestForUserId { user_id, skip: 0, take: 5 };
        let answer = recommender.get_recommendations(request).await?.into_inner();
        anyhow::ensure!(!answer.recommended_products.is_empty(), "there is nothing to recommend");
        Ok(())
    };
    let mut clients = [RecommenderServiceClient::new(shop.channel("recommender")?)];
    // The first one waits for the model to take all the orders in.
    Load::of(&mut clients, TIME / 10, ask).await?;
    let meter = Meter::start(shop)?;
    let load = Load::of(&mut clients, TIME, ask).await?;
    let mut measured = Measured::default();
    meter.stop(load.count(), &mut measured)?;
    let (p50, p99) = (milliseconds(&load.times, 0.5), milliseconds(&load.times, 0.99));
    let promise = Promise { bar: 5.0, aim: 5.0 };
    measured.add("GetRecommendations with 100,000 orders, p99", p99, Unit::Milliseconds, promise);
    measured.notes.push(format!("{p50:.2} ms at p50, one at a time"));
    Ok(measured)
}

/// Gives recommender's database as many orders as are missing, as if it had heard of them: through the front door that
/// would take minutes. Of one to nine products each, some of which sell far better than others.
pub(crate) async fn remember(shop: &Shop) -> anyhow::Result<()> {
    let have: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&shop.recommender_db).await?;
    let query = "
        WITH revision AS (UPDATE revision SET n = n + 1 RETURNING n),
             shelf AS (SELECT array_agg(id ORDER BY id) AS ids FROM products WHERE NOT deleted),
             orders_to_be AS (
                SELECT 2000000000 + nth AS id, ARRAY(
                    SELECT DISTINCT ids[1 + floor(cardinality(ids) * random() ^ 3)::int]
                    FROM generate_series(0, nth % 9)) AS product_ids
                FROM generate_series($1::bigint, $2) AS nth, shelf)
        INSERT INTO orders (id, account_id, product_ids, quantities, cancelled, version, revision)
        SELECT id, 1 + id % $3, product_ids, array_fill(1::bigint, ARRAY[cardinality(product_ids)]), FALSE, 1, n
        FROM orders_to_be, revision";
    sqlx::query(query).bind(have).bind(ORDERS - 1).bind(ACCOUNTS).execute(&shop.recommender_db).await?;
    Ok(())
}
