//! A day in the shop, and hands that reach behind it.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use serde_json::{Value, json};
use shopctl_kafka::{Event, Tail, tail::Start};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::shop::{Shop, Shopper};

const DEADLINE: Duration = Duration::from_secs(30);

pub(super) struct Scene {
    shop: Shop,
    shopper: Shopper,
    producer: FutureProducer,
    /// Orders by what became of them, many of each: every bug gets one of its own.
    paid: Vec<i64>,
    declined: Vec<i64>,
    cancelled: Vec<i64>,
    products: Vec<String>,
}

impl Scene {
    pub(super) async fn play(shop: Shop) -> Self {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", shop.address("kafka"))
            // That of the services: events of a key stay in one partition.
            .set("partitioner", "murmur2_random")
            .create()
            .expect("a producer can be made");
        let shopper = shop.shopper().await;
        let mut scene =
            Self { shop, shopper, producer, paid: vec![], declined: vec![], cancelled: vec![], products: vec![] };
        for price in 1..=12 {
            let product = scene.shop.product(&scene.shopper, f64::from(price) + 0.01).await;
            scene.products.push(product);
        }
        scene.change(0, Some(17.5)).await;
        scene.change(1, None).await;
        for _ in 0..18 {
            let order = scene.order().await;
            scene.decide(order, "SUCCESS", "PAID").await;
            scene.paid.push(order);
        }
        for _ in 0..4 {
            let order = scene.order().await;
            scene.decide(order, "FAILED", "PAYMENT_FAILED").await;
            scene.declined.push(order);
        }
        for open in [true, false, true, false] {
            let order = scene.order().await;
            if open {
                scene.shop.check_out(&scene.shopper, order).await;
            }
            let query = "mutation ($id: Int!) { cancelOrder(orderId: $id) { status } }";
            scene.shop.field(&scene.shopper.token, "cancelOrder", query, json!({ "id": order })).await;
            scene.cancelled.push(order);
        }
        // Another try, with success.
        let again = scene.declined[0];
        scene.decide(again, "SUCCESS", "PAID").await;
        scene
    }

    /// What the report must at least have looked at.
    pub(super) fn counts(&self) -> [(&'static str, i64); 6] {
        [
            ("orders", 26),
            ("transactions", 25),
            ("products", 2_200),
            ("order_events", 48),
            ("product_events", 2_214),
            ("imported", 798),
        ]
    }

    pub(super) fn paid(&self, at: usize) -> i64 {
        self.paid[at]
    }

    pub(super) fn declined(&self, at: usize) -> i64 {
        self.declined[at]
    }

    pub(super) fn cancelled(&self, at: usize) -> i64 {
        self.cancelled[at]
    }

    pub(super) fn product(&self, at: usize) -> &str {
        &self.products[at]
    }

    async fn order(&self) -> i64 {
        let order = self.shop.order(&self.shopper, &self.products[2], &Uuid::new_v4().to_string()).await;
        order.expect("it is made")["id"].as_i64().expect("an id")
    }

    async fn decide(&self, order: i64, outcome: &str, status: &str) {
        let page = self.shop.check_out(&self.shopper, order).await;
        let url = format!("{}/{outcome}", page.replace("/simulate_payment/", "/simulate_payment_action/"));
        let answer = self.shop.client().get(url).send().await.expect("payment answers");
        assert!(answer.status().is_success(), "{}", answer.status());
        self.shop.becomes(&self.shopper, order, status).await;
    }

    /// Gives a product another price, or takes it away.
    async fn change(&self, at: usize, price: Option<f64>) {
        let url = format!("{}/products/{}", self.shop.address("product"), self.products[at]);
        let client = self.shop.client();
        let request = match price {
            Some(price) => client.put(url).json(&json!({ "name": "A lamp", "description": "", "price": price })),
            None => client.delete(url),
        };
        let answer = request.bearer_auth(&self.shopper.token).send().await.expect("product answers");
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    /// Runs statements in a database, behind its owner's back.
    pub(super) async fn sql(&self, database: &str, statements: &str) {
        let mut connection = PgConnection::connect(self.shop.address(database)).await.expect("it answers");
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned())).execute(&mut connection).await;
        done.unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    /// One text out of a database.
    pub(super) async fn text(&self, database: &str, query: &str) -> String {
        let mut connection = PgConnection::connect(self.shop.address(database)).await.expect("it answers");
        let text = sqlx::query_scalar(sqlx::AssertSqlSafe(query.to_owned())).fetch_one(&mut connection).await;
        text.unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// An order's transaction, as a report shows it.
    pub(super) async fn transaction(&self, order: i64) -> String {
        let query =
            format!("SELECT left(id, 6) FROM transactions WHERE order_id = {order} ORDER BY created_at LIMIT 1");
        format!("transaction {}…", self.text("payment_db", &query).await)
    }

    /// The events of a key, as they stand in the topic.
    pub(super) async fn events(&self, topic: &str, key: &str) -> Vec<Event> {
        let tail = Tail::open(self.shop.address("kafka"), &[topic], Start::Earliest).await;
        let mut events = tail.expect("it can be read").rest().await.expect("it can be read");
        events.retain(|event| event.key.as_deref() == Some(key));
        events
    }

    /// Writes a record as the shop does; answers with where it stands, as a report shows it.
    pub(super) async fn publish(&self, topic: &str, key: &str, id: Option<&str>, value: &str) -> String {
        let mut record = FutureRecord::to(topic).key(key).payload(value);
        if let Some(id) = id {
            record = record.headers(OwnedHeaders::new().insert(Header { key: "ce_id", value: Some(id) }));
        }
        let delivery = self.producer.send(record, DEADLINE).await.expect("the broker takes it");
        format!("record {topic}/{} at {}", delivery.partition, delivery.offset)
    }

    /// Tells of an order once more, by a new event, after a change to what it tells; answers with the event's id.
    pub(super) async fn tell(&self, order: i64, edit: impl FnOnce(&mut Value)) -> String {
        let events = self.events("order_events", &order.to_string()).await;
        let last = events.last().expect("it was told of");
        let mut value = json!({ "type": last.kind, "data": last.data });
        edit(&mut value);
        let id = Uuid::new_v4().to_string();
        self.publish("order_events", &order.to_string(), Some(&id), &value.to_string()).await;
        id
    }
}
