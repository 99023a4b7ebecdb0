//! What payment hears from the broker, and what it makes of it.

use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use testkit::eventually;

use crate::shop::{PATIENCE, Shop};

/// The embedded broker and a producer without CloudEvents, as the original's services are.
pub(crate) struct Broker {
    producer: FutureProducer,
    broker: testkit::broker::Broker,
}

impl Broker {
    /// A shop that hears this broker.
    pub(crate) async fn shop() -> (Shop, Self) {
        let broker = testkit::broker::Broker::start().await;
        let producer =
            ClientConfig::new().set("bootstrap.servers", broker.brokers()).create().expect("a producer can be made");
        let shop = Shop::with(&[("KAFKA_BROKERS", &broker.brokers())]).await;
        (shop, Self { producer, broker })
    }

    pub(crate) async fn publish(&self, topic: &str, key: &str, value: &Value) {
        let value = value.to_string();
        let record = FutureRecord::to(topic).key(key).payload(&value);
        self.producer.send(record, PATIENCE).await.expect("the broker takes it");
    }

    pub(crate) async fn order(&self, kind: &str, order: u64) {
        let event = json!({"type": kind, "data": {"order_id": order, "account_id": 7, "version": 2}});
        self.publish("order_events", &order.to_string(), &event).await;
    }

    async fn product(&self, kind: &str, data: Value) {
        let key = data["product_id"].as_str().expect("a product").to_owned();
        self.publish("product_events", &key, &json!({"type": kind, "data": data})).await;
    }
}

/// Waits until a marker that was published last, under the same key, has been heard.
async fn heard_all(shop: &Shop, events: i64) {
    eventually(PATIENCE, &format!("{events} events are heard"), async || {
        (shop.count("SELECT count(*) FROM inbox").await == events).then_some(())
    })
    .await;
}

async fn listed(shop: &Shop, product: &str) -> (String, i64, bool) {
    sqlx::query_as("SELECT name, price_cents, deleted FROM price_list WHERE product_id = $1")
        .bind(product)
        .fetch_one(&shop.pool)
        .await
        .expect("it is listed")
}

#[tokio::test]
async fn the_price_list_keeps_the_newest_version_whatever_comes_late() {
    let (mut shop, broker) = Broker::shop().await;
    let mug = |version: i64, name: &str, price_cents: i64| json!({"product_id": "mug", "name": name, "price": 1.0, "price_cents": price_cents, "version": version});
    broker.product("product_created", mug(1, "Mug", 100)).await;
    broker.product("product_updated", mug(3, "Best mug", 300)).await;
    broker.product("product_updated", mug(2, "Better mug", 200)).await;
    heard_all(&shop, 3).await;
    assert_eq!(listed(&shop, "mug").await, ("Best mug".to_owned(), 300, false));
    broker.product("product_deleted", json!({"product_id": "mug", "version": 4})).await;
    broker.product("product_updated", mug(3, "Best mug", 300)).await;
    heard_all(&shop, 5).await;
    assert_eq!(listed(&shop, "mug").await, ("Best mug".to_owned(), 300, true));
    shop.end().await;
}

#[tokio::test]
async fn events_of_the_original_without_version_and_cents_are_understood() {
    let (mut shop, broker) = Broker::shop().await;
    let pen = |price: f64| json!({"product_id": "pen", "name": "Pen", "description": "", "price": price, "account_id": 1, "version": null});
    broker.product("product_created", pen(0.29)).await;
    broker.product("product_updated", pen(1.15)).await;
    broker.publish("order_events", "1", &json!({"type": "order_created", "data": {"order_id": 1, "account_id": 7, "total_price": 1.15, "products": []}})).await;
    heard_all(&shop, 2).await;
    assert_eq!(listed(&shop, "pen").await, ("Pen".to_owned(), 115, false));
    // That order is none of payment's business, but it is no poison; this one is.
    broker.publish("order_events", "broken", &json!({"type": "order_paid", "data": {"order_id": "one"}})).await;
    eventually(PATIENCE, "all orders' events are dealt with", async || {
        (broker.broker.lag("payment", &["order_events"]).await == 0).then_some(())
    })
    .await;
    let letters = broker.broker.events(&["order_events.dlt"]).await;
    assert_eq!(letters.iter().map(|letter| letter.key.as_deref()).collect::<Vec<_>>(), [Some("broken")]);
    assert_eq!(shop.count("SELECT count(*) FROM inbox").await, 2, "what has no effect is not remembered");
    shop.end().await;
}

#[tokio::test]
async fn a_broken_event_is_set_aside_and_the_rest_goes_on() {
    let (mut shop, broker) = Broker::shop().await;
    for broken in [
        json!({"type": "product_created", "data": {"product_id": "cap"}}),
        json!({"type": "product_created", "data": {"product_id": "cap", "name": "Cap", "price": 0.001}}),
        json!({"type": "product_created", "data": {"product_id": "cap", "name": "C\u{0}p", "price": 1.0}}),
        json!({"type": "product_deleted", "data": {}}),
        json!("no event"),
    ] {
        broker.publish("product_events", "cap", &broken).await;
    }
    for order in [json!(0), json!(-1), json!("1"), json!(u64::MAX)] {
        broker.publish("order_events", "1", &json!({"type": "order_cancelled", "data": {"order_id": order}})).await;
    }
    broker.product("product_created", json!({"product_id": "cap", "name": "Cap", "price": 1.0})).await;
    broker.order("order_cancelled", 1).await;
    heard_all(&shop, 2).await;
    assert_eq!(listed(&shop, "cap").await, ("Cap".to_owned(), 100, false));
    assert_eq!(shop.count("SELECT count(*) FROM orders WHERE cancelled_at IS NOT NULL").await, 1);
    shop.end().await;
}

#[tokio::test]
async fn what_is_heard_shows_on_the_payment_page() {
    let (mut shop, broker) = Broker::shop().await;
    let (_, id) = shop.session().await;
    let page = format!("/simulate_payment/{id}");
    broker.product("product_created", json!({"product_id": "mug", "name": "Mug of the year", "price": 12.5})).await;
    eventually(PATIENCE, "the name shows", async || {
        shop.browse(&page).await.1.contains("Mug of the year").then_some(())
    })
    .await;
    broker.product("product_deleted", json!({"product_id": "mug"})).await;
    heard_all(&shop, 2).await;
    assert!(shop.browse(&page).await.1.contains("Mug of the year"), "what is being paid keeps its name");
    shop.end().await;
}
