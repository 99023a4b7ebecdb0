//! The replica of the catalog: what product's events make of it, in whatever order they come.

use serde_json::json;

use crate::shop::{Shop, ids};

#[tokio::test(flavor = "multi_thread")]
async fn a_recommended_product_is_as_its_newest_version_says() {
    let shop = Shop::start().await;
    let data = |version: i64, name: &str, cents: i64| {
        json!({
            "product_id": "mug", "name": name, "description": "for tea", "price": 2.55, "price_cents": cents,
            "account_id": 1, "version": version, "sku": "M1",
        })
    };
    shop.publish("product_events", "mug", "product_updated", data(3, "Blue mug", 255)).await;
    let old = shop.publish("product_events", "mug", "product_created", data(1, "Mug", 100)).await;
    shop.applied(old).await;
    let [mug] = &shop.replica.for_user("nobody", 0, 0).await[..] else { panic!("one product is for sale") };
    assert_eq!((mug.name.as_str(), mug.description.as_str(), mug.price_cents), ("Blue mug", "for tea", 255));
    assert!((mug.price - 2.55).abs() < f64::EPSILON);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_product_is_never_recommended_not_even_when_older_news_come_later() {
    let shop = Shop::start().await;
    shop.products(&["bag", "hat", "mug"]).await;
    let deleted = json!({"product_id": "mug", "version": 3});
    shop.publish("product_events", "mug", "product_deleted", deleted).await;
    shop.publish("product_events", "pen", "product_deleted", json!({"product_id": "pen", "version": 2})).await;
    shop.product("pen", "Pen", 1).await;
    let late = json!({"product_id": "mug", "name": "Mug", "description": "", "price": 1.0, "version": 2});
    let late = shop.publish("product_events", "mug", "product_updated", late).await;
    shop.applied(late).await;
    shop.wait("all has come", "SELECT count(*) FROM inbox", 7).await;
    assert_eq!(ids(&shop.replica.for_user("nobody", 0, 0).await), ["bag", "hat"]);
    assert_eq!(ids(&shop.replica.viewed(&["bag"], 0, 0).await), ["hat"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_the_original_have_no_version_and_no_cents_and_count_as_they_come() {
    let shop = Shop::start().await;
    for value in [
        r#"{"type": "product_created", "data": {"product_id": "mug", "name": "Mug", "description": "", "price": 19.99, "account_id": 1}}"#,
        r#"{"type": "product_updated", "data": {"product_id": "mug", "name": "Cup", "description": null, "price": 0.29, "account_id": 1}}"#,
        r#"{"type": "product_created", "data": {"product_id": "bag", "name": "Bag", "description": "", "price": 1, "account_id": 1}}"#,
        r#"{"type": "product_deleted", "data": {"product_id": "bag"}}"#,
    ] {
        let key = if value.contains("mug") { "mug" } else { "bag" };
        shop.publish_plainly("product_events", key, value).await;
    }
    shop.wait("all has come", "SELECT count(*) FROM inbox", 4).await;
    let [mug] = &shop.replica.for_user("nobody", 0, 0).await[..] else { panic!("one product is for sale") };
    assert_eq!((mug.name.as_str(), mug.price_cents), ("Cup", 29));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_product_goes_to_the_dead_letters_and_the_rest_goes_on() {
    let shop = Shop::start().await;
    for (key, price) in [("odd", "0.005"), ("minus", "-1"), ("none", "null"), ("dear", "1000000")] {
        let value = format!(
            r#"{{"type": "product_created", "data": {{"product_id": "{key}", "name": "x", "description": "", "price": {price}}}}}"#
        );
        shop.publish_plainly("product_events", key, &value).await;
    }
    shop.publish_plainly("product_events", "odd", "no json").await;
    shop.products(&["bag", "hat", "mug", "odd"]).await;
    assert_eq!(ids(&shop.replica.for_user("nobody", 0, 0).await), ["bag", "hat", "mug", "odd"]);
    shop.wait("what was refused is not remembered", "SELECT count(*) FROM inbox", 4).await;
}
