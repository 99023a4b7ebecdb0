//! Events that come again change nothing.

use serde_json::json;
use uuid::Uuid;

use crate::shop::{Shop, order_data};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_again_changes_nothing() {
    let shop = Shop::start().await;
    shop.products(&["bag", "mug"]).await;
    let product = json!({"product_id": "bag", "name": "Bag", "description": "", "price": 2.0, "version": 2});
    let cancelled = order_data(1, 1, 2, &["mug"]);
    let events = [
        (Uuid::now_v7(), "product_events", "bag", "product_updated", product),
        (Uuid::now_v7(), "order_events", "1", "order_created", order_data(1, 1, 1, &["mug"])),
        (Uuid::now_v7(), "order_events", "1", "order_cancelled", cancelled),
        (Uuid::now_v7(), "order_events", "2", "order_created", order_data(2, 1, 1, &["mug", "bag"])),
    ];
    let publish = async || {
        for (id, topic, key, kind, data) in &events {
            shop.publish_as(*id, topic, key, kind, data.clone()).await;
        }
    };
    publish().await;
    shop.wait("all has come", "SELECT count(*) FROM inbox", 6).await;
    let (before, revision) = (shop.tables().await, revision(&shop).await);
    publish().await;
    publish().await;
    // Each key's last: what comes after the repetitions has come after they were applied or passed over.
    let markers = [
        shop.publish("product_events", "bag", "marker", json!({})).await,
        shop.publish("order_events", "1", "marker", json!({})).await,
        shop.publish("order_events", "2", "marker", json!({})).await,
    ];
    for marker in markers {
        shop.applied(marker).await;
    }
    assert_eq!(shop.tables().await, before);
    assert_eq!(self::revision(&shop).await, revision, "nothing was even written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_is_read_again_from_the_start_gives_the_same_tables() {
    let mut shop = Shop::start().await;
    shop.products(&["bag", "mug", "tea"]).await;
    for order in 1..=10 {
        shop.order(order, order, 1, "order_created", &["mug", "tea"]).await;
        let kind = if order % 2 == 0 { "order_paid" } else { "order_cancelled" };
        shop.order(order, order, 2, kind, &["mug", "tea"]).await;
    }
    let gone = json!({"product_id": "tea", "version": 2});
    shop.publish("product_events", "tea", "product_deleted", gone).await;
    shop.wait("all has come", "SELECT count(*) FROM inbox", 24).await;
    let before = shop.tables().await;
    // As after a loss of the inbox, which is harder than a rewind: every event is handled anew.
    sqlx::query("TRUNCATE inbox").execute(&shop.pool).await.expect("the database answers");
    shop.rewind().await;
    shop.wait("all has come again", "SELECT count(*) FROM inbox", 24).await;
    assert_eq!(shop.tables().await, before);
}

async fn revision(shop: &Shop) -> i64 {
    sqlx::query_scalar("SELECT n FROM revision").fetch_one(&shop.pool).await.expect("the database answers")
}
