//! What the shop hears of orders.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{Received, Settings, Tail};
use kit::Shutdown;
use kit::auth::Owner;
use serde_json::json;
use testkit::eventually;
use testkit::postgres::Cluster;
use tonic::Code;

use crate::shop::{Shop, code};

const SOON: Duration = Duration::from_secs(20);

/// All that is published to `order_events` from now on.
struct Heard {
    events: Arc<Mutex<Vec<Arc<Received>>>>,
    shutdown: Shutdown,
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

impl Heard {
    async fn listen(shop: &Shop) -> Self {
        let settings = Settings { brokers: shop.broker.brokers(), client_id: "test".to_owned() };
        let (tail, feed) = Tail::new(&settings, &["order_events"]).expect("a client");
        let (events, shutdown) = (Arc::new(Mutex::new(Vec::new())), Shutdown::new());
        let mut heard = feed.subscribe();
        tokio::spawn(tail.run(shutdown.clone()));
        let kept = events.clone();
        tokio::spawn(async move {
            while let Ok(event) = heard.recv().await {
                kept.lock().expect("nobody panics with it").push(event);
            }
        });
        let mut connected = feed.connected();
        tokio::time::timeout(SOON, connected.wait_for(|connected| *connected))
            .await
            .expect("the broker is there")
            .expect("the tail runs");
        Self { events, shutdown }
    }

    fn all(&self) -> Vec<Arc<Received>> {
        self.events.lock().expect("nobody panics with it").clone()
    }

    async fn at_least(&self, count: usize) -> Vec<Arc<Received>> {
        eventually(SOON, "the events are published", async || Some(self.all()).filter(|all| all.len() >= count)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_told_once_with_a_rising_version_and_the_whole_order() {
    let shop = Shop::start().await;
    let heard = Heard::listen(&shop).await;
    let (owner, payment) = (shop.user(7), shop.service(Owner::Payment));
    let made = shop.create_keyed(&owner, "key", &[("mug", 2), ("bag", 1)]).await.expect("an order");
    shop.create_keyed(&owner, "key", &[("mug", 2), ("bag", 1)]).await.expect("the same order");
    for status in ["PAYMENT_FAILED", "PAYMENT_FAILED", "PAID", "PAID"] {
        shop.set_status(&payment, made.id, status).await.expect("an allowed step, or none");
    }
    shop.cancel(&owner, made.id).await.expect_err("it is paid");
    let second = shop.create(&owner, &[("bag", 1)]).await.expect("an order");
    shop.cancel(&owner, second.id).await.expect("it is pending");
    shop.cancel(&owner, second.id).await.expect("it is cancelled already");

    heard.at_least(5).await;
    eventually(SOON, "the outbox is empty", async || (shop.count("outbox").await == 0).then_some(())).await;
    let events = heard.all();
    let ids: BTreeSet<_> = events.iter().map(|event| event.id).collect();
    assert_eq!((events.len(), ids.len()), (5, 5));
    let told = |id: u64| -> Vec<(String, i64)> {
        let of = events.iter().filter(|event| event.key == id.to_string());
        of.map(|event| (event.kind.clone(), event.data["version"].as_i64().expect("a version"))).collect()
    };
    let expected = [("order_created", 1), ("order_payment_failed", 2), ("order_paid", 3)];
    assert_eq!(told(made.id), expected.map(|(kind, version)| (kind.to_owned(), version)));
    let expected = [("order_created", 1), ("order_cancelled", 2)];
    assert_eq!(told(second.id), expected.map(|(kind, version)| (kind.to_owned(), version)));

    let paid = events.iter().find(|event| event.kind == "order_paid").expect("it was told");
    assert_eq!(
        paid.data,
        json!({
            "order_id": made.id, "account_id": 7, "total_price": 5.2, "total_cents": 520, "status": "PAID", "version": 3,
            "created_at": made.created_at,
            "products": [
                {"product_id": "mug", "quantity": 2, "price_cents": 255},
                {"product_id": "bag", "quantity": 1, "price_cents": 10},
            ],
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_made_while_the_broker_is_away_and_told_when_it_is_back() {
    let mut shop = Shop::start().await;
    shop.broker.stop().await;
    let made = shop.create(&shop.user(7), &[("mug", 1)]).await.expect("no order waits for the broker");
    assert_eq!(shop.count("outbox").await, 1);
    shop.broker.restart().await;
    eventually(SOON, "the event is published", async || (shop.count("outbox").await == 0).then_some(())).await;
    assert_eq!(shop.get(&shop.user(7), made.id).await.expect("the order").version, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_calls_are_unavailable_and_all_goes_on_when_it_is_back() {
    let mut cluster = Cluster::start().await;
    let shop = Shop::on(cluster.database().await).await;
    let heard = Heard::listen(&shop).await;
    let token = shop.user(7);
    let first = shop.create(&token, &[("mug", 1)]).await.expect("an order");
    heard.at_least(1).await;
    cluster.stop();
    assert_eq!(code(shop.create_keyed(&token, "key", &[("mug", 1)]).await), Code::Unavailable);
    assert_eq!(code(shop.get(&token, first.id).await), Code::Unavailable);
    cluster.restart().await;
    let second =
        eventually(SOON, "an order is made", async || shop.create_keyed(&token, "key", &[("mug", 1)]).await.ok()).await;
    assert_eq!(shop.cancel(&token, first.id).await.expect("it is pending").version, 2);
    let told: BTreeSet<_> = heard.at_least(3).await.iter().map(|event| event.key.clone()).collect();
    assert_eq!(told, BTreeSet::from([first.id.to_string(), second.id.to_string()]));
}
