//! The service dies around every commit, call, webhook and offset. Afterwards transactions and orders agree, nobody paid
//! twice, and each event counts once.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use futures::{StreamExt, stream};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use reqwest::{Method, StatusCode};
use serde_json::json;
use testkit::broker::Broker;
use testkit::crash::{Mortal, points};
use testkit::eventually;
use testkit::port::Port;

use crate::orders::Health;
use crate::shop::Shop;

/// Several services die at once, on a machine that may be slow.
const SOON: Duration = Duration::from_secs(60);
/// Shops at a time: they wait for leases and sessions of the dead more than they work.
const AT_ONCE: usize = 6;

/// What has to happen for the service to come to a point.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Story {
    /// Orders are paid, not paid, and cancelled behind payment's back.
    Sales,
    /// The same, but order is away at first.
    OrderAway,
    /// The same, but the webhook's door is shut at first.
    DoorShut,
    /// Payment hears of products and of a cancellation, and gets poison.
    News,
}

/// Each point, the story that leads there, and at which of its passages the service dies there.
const POINTS: [(&str, Story, &[usize]); 28] = [
    // The fifth order is asked for because it refused that it was paid.
    ("order-before-get", Story::Sales, &[1, 5]),
    ("order-after-get", Story::Sales, &[1, 5]),
    // A success, a failure, and one that order refuses.
    ("order-before-tell", Story::Sales, &[1, 2, 4]),
    ("order-after-tell", Story::Sales, &[1, 2, 4]),
    ("session-before-commit", Story::Sales, &[1]),
    ("session-after-commit", Story::Sales, &[1]),
    ("decision-before-commit", Story::Sales, &[1]),
    ("decision-after-commit", Story::Sales, &[1]),
    ("webhook-before-send", Story::Sales, &[1]),
    ("webhook-after-send", Story::Sales, &[1]),
    ("webhook-before-commit", Story::Sales, &[1, 2]),
    ("webhook-after-commit", Story::Sales, &[1, 2]),
    ("delivery-before-finish", Story::Sales, &[1]),
    ("delivery-after-finish", Story::Sales, &[1]),
    ("delivery-before-retry", Story::DoorShut, &[1]),
    ("delivery-after-retry", Story::DoorShut, &[1]),
    ("delivery-after-claim", Story::DoorShut, &[1]),
    ("telling-after-claim", Story::OrderAway, &[1]),
    ("telling-before-settle", Story::Sales, &[1, 4]),
    ("telling-after-settle", Story::Sales, &[1, 4]),
    ("telling-before-retry", Story::OrderAway, &[1]),
    ("telling-after-retry", Story::OrderAway, &[1]),
    ("consumer-before-commit", Story::News, &[1, 2]),
    ("consumer-after-commit", Story::News, &[1, 2]),
    ("consumer-before-store", Story::News, &[1]),
    ("consumer-after-store", Story::News, &[1]),
    ("letter-before-publish", Story::News, &[1]),
    ("letter-after-publish", Story::News, &[1]),
];

#[test]
fn every_point_has_its_death() {
    let bus = points(concat!(env!("CARGO_MANIFEST_DIR"), "/../bus"));
    let consumer = bus.into_iter().filter(|point| !point.starts_with("relay-"));
    let expected: BTreeSet<String> = points(env!("CARGO_MANIFEST_DIR")).into_iter().chain(consumer).collect();
    assert_eq!(POINTS.map(|(point, ..)| point.to_owned()).into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_service_dies_what_was_taken_is_what_was_sold() {
    let deaths = POINTS.into_iter().flat_map(|(point, story, nths)| nths.iter().map(move |nth| (point, story, *nth)));
    stream::iter(deaths)
        .for_each_concurrent(AT_ONCE, async |(point, story, nth)| dies_at(point, story, nth).await)
        .await;
}

async fn dies_at(point: &str, story: Story, nth: usize) {
    let mut shop = Shop::closed(&[]).await;
    let ports = [Port::reserve(), Port::reserve()];
    let [http, grpc] = ports.each_ref().map(Port::address);
    shop.turn_to(http, grpc);
    let mut command = Command::new(env!("CARGO_BIN_EXE_payment-failpoints"));
    command.arg("serve").envs(shop.settings()).env("RUST_LOG", "off");
    command.env("HTTP_ADDR", http.to_string()).env("GRPC_ADDR", grpc.to_string());
    let case = format!("{point}, {nth}");
    let sold = if story == Story::News {
        let broker = Broker::start().await;
        command.env("KAFKA_BROKERS", broker.brokers());
        let mut service = Mortal::start(command, point, nth);
        let sold = service.while_it_lives(hear(&shop, &broker)).await;
        service.has_died(SOON).await;
        everything_was_heard_once(&shop, &broker, &case).await;
        sold
    } else {
        let mut service = Mortal::start(command, point, nth);
        let sold = service.while_it_lives(sell(&shop, story)).await;
        service.has_died(SOON).await;
        quiet(&shop).await;
        sold
    };
    what_was_taken_is_what_was_sold(&shop, &sold, &case).await;
}

/// Orders with how their transactions ended, in the order in which those began.
type Sold = Vec<(u64, &'static str)>;

async fn sell(shop: &Shop, story: Story) -> Sold {
    let [paid, failed, refunded] = [(); 3].map(|()| shop.order());
    let id = session(shop, paid).await;
    match story {
        Story::Sales | Story::News => press(shop, &id, "SUCCESS").await,
        Story::OrderAway => {
            shop.orders.turn(Health::Unavailable);
            press(shop, &id, "SUCCESS").await;
            tried(shop, "SELECT count(*) FROM tellings WHERE attempts > 1").await;
            shop.orders.turn(Health::Up);
        }
        Story::DoorShut => {
            let mut shut = shop.pool.begin().await.expect("begun");
            sqlx::query("LOCK TABLE webhooks IN EXCLUSIVE MODE").execute(&mut *shut).await.expect("locked");
            // Whether there is an answer or not: it has been decided.
            let _ = press_once(shop, &id, "SUCCESS").await;
            tried(shop, "SELECT count(*) FROM provider_deliveries WHERE attempts > 1").await;
            shut.rollback().await.expect("opened again");
        }
    }
    let id = session(shop, failed).await;
    press(shop, &id, "FAILED").await;
    quiet(shop).await;
    let id = session(shop, failed).await;
    press(shop, &id, "SUCCESS").await;
    // Payment hears of it only when order refuses the money.
    let id = session(shop, refunded).await;
    shop.orders.change(refunded, "CANCELLED").expect("it is pending");
    press(shop, &id, "SUCCESS").await;
    vec![(paid, "SUCCESS"), (failed, "FAILED"), (failed, "SUCCESS"), (refunded, "REFUNDED")]
}

async fn hear(shop: &Shop, broker: &Broker) -> Sold {
    tell(broker, "order_events", "poison", None, "no event").await;
    for (version, id) in [(1, EVENTS[0]), (2, EVENTS[1])] {
        let data = json!({"product_id": "mug", "name": "Mug", "price_cents": 1100 + 100 * version, "version": version});
        let value = json!({"type": "product_updated", "data": data}).to_string();
        tell(broker, "product_events", "mug", Some(id), &value).await;
    }
    let voided = shop.order();
    let id = session(shop, voided).await;
    shop.orders.change(voided, "CANCELLED").expect("it is pending");
    let value = json!({"type": "order_cancelled", "data": {"order_id": voided, "version": 2}}).to_string();
    tell(broker, "order_events", &voided.to_string(), Some(EVENTS[2]), &value).await;
    heard(broker).await;
    press(shop, &id, "SUCCESS").await;
    vec![(voided, "VOIDED")]
}

/// The ids of the events that payment hears.
const EVENTS: [u128; 3] = [1, 2, 3];

async fn everything_was_heard_once(shop: &Shop, broker: &Broker, case: &str) {
    heard(broker).await;
    let inbox: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT event_id FROM inbox ORDER BY 1").fetch_all(&shop.pool).await.expect("ids");
    assert_eq!(inbox, EVENTS.map(uuid::Uuid::from_u128), "{case}");
    let listed: (String, i64, i64) =
        sqlx::query_as("SELECT name, price_cents, version FROM price_list").fetch_one(&shop.pool).await.expect("one");
    assert_eq!(listed, ("Mug".to_owned(), 1300, 2), "{case}");
    let letters = broker.events(&["order_events.dlt"]).await;
    // The same letter may come twice: who reads it sees where it comes from.
    assert!((1..=2).contains(&letters.len()), "{case}: {letters:?}");
    assert!(letters.iter().all(|letter| letter.key.as_deref() == Some("poison")), "{case}: {letters:?}");
}

async fn what_was_taken_is_what_was_sold(shop: &Shop, sold: &Sold, case: &str) {
    let found: Vec<(i64, String, i64, bool, Option<i64>)> = sqlx::query_as(
        "SELECT order_id, status, t.amount_cents, settled_at IS NOT NULL, r.amount_cents FROM transactions t
         LEFT JOIN refunds r ON r.transaction_id = t.id ORDER BY order_id, t.created_at",
    )
    .fetch_all(&shop.pool)
    .await
    .expect("transactions");
    let expected = sold.iter().map(|(order, status)| {
        let refund = (*status == "REFUNDED").then_some(1250);
        (i64::try_from(*order).expect("an id"), (*status).to_owned(), 1250, true, refund)
    });
    assert_eq!(found, expected.collect::<Vec<_>>(), "{case}");
    for (order, status) in sold {
        let status = match *status {
            "SUCCESS" => "PAID",
            "FAILED" => "PAYMENT_FAILED",
            _ => "CANCELLED",
        };
        assert_eq!(shop.orders.changes(*order, status), 1, "{case}: order {order} {status}");
    }
}

/// The transaction that an order can be paid with.
async fn session(shop: &Shop, order: u64) -> String {
    eventually(SOON, "a session", async || match shop.checkout(order).await {
        Ok(id) => Some(id),
        Err(status) if kit::grpc::is_outage(&status) => None,
        Err(status) => panic!("{status:?}"),
    })
    .await
}

/// Presses a button of the payment page until it has an effect, or there is nothing left to decide.
async fn press(shop: &Shop, id: &str, button: &str) {
    let status = eventually(SOON, "the page answers", async || {
        press_once(shop, id, button).await.filter(|status| !status.is_server_error())
    })
    .await;
    assert!(status.is_success() || status == StatusCode::CONFLICT, "{status}");
}

async fn press_once(shop: &Shop, id: &str, button: &str) -> Option<StatusCode> {
    let answer = shop.request(Method::POST, &format!("/simulate_payment_action/{id}/{button}")).send().await;
    answer.ok().map(|answer| answer.status())
}

/// Waits until the service has dealt with all that there is.
async fn heard(broker: &Broker) {
    let heard = async || (broker.lag("payment", &["product_events", "order_events"]).await == 0).then_some(());
    eventually(SOON, "all is heard", heard).await;
}

async fn tried(shop: &Shop, query: &'static str) {
    eventually(SOON, "another try", async || (shop.count(query).await == 1).then_some(())).await;
}

/// Waits until nobody has anything left to tell.
async fn quiet(shop: &Shop) {
    let left = "SELECT (SELECT count(*) FROM tellings) + \
                (SELECT count(*) FROM provider_deliveries WHERE due_at IS NOT NULL)";
    eventually(SOON, "all is told", async || (shop.count(left).await == 0).then_some(())).await;
}

async fn tell(broker: &Broker, topic: &str, key: &str, id: Option<u128>, value: &str) {
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", broker.brokers()).create().expect("a producer can be made");
    let id = id.map(|id| uuid::Uuid::from_u128(id).to_string());
    let headers = OwnedHeaders::new();
    let headers = match &id {
        Some(id) => headers.insert(Header { key: "ce_id", value: Some(id) }),
        None => headers,
    };
    producer.send(FutureRecord::to(topic).key(key).payload(value).headers(headers), SOON).await.expect("it is taken");
}
