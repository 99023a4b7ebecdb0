//! The service dies around every commit, dead letter and offset. Afterwards its tables are those of one that never died.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use futures::{StreamExt, stream};
use kit::auth::Owner;
use kit::{Lookup, Service as _, grpc};
use proto::pb::recommender_service_client::RecommenderServiceClient;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::broker::Broker;
use testkit::crash::{Mortal, points};
use testkit::keys::Keys;
use testkit::port::Port;
use testkit::{eventually, postgres};
use tonic::transport::Channel;
use uuid::Uuid;

use crate::shop::{basket, order_data, signer};

const SOON: Duration = Duration::from_secs(60);
/// Services at a time: they wait for sessions of the dead more than they work.
const AT_ONCE: usize = 8;

/// Each point, and at which of its passages the service dies there.
const POINTS: [(&str, &[usize]); 8] = [
    ("consumer-before-commit", &[1, 3]),
    ("consumer-after-commit", &[1, 3]),
    ("consumer-before-store", &[1, 3]),
    ("consumer-after-store", &[1, 3]),
    ("letter-before-publish", &[1]),
    ("letter-after-publish", &[1]),
    ("import-before-commit", &[1]),
    ("import-after-commit", &[1]),
];

/// How many events are told.
const EVENTS: u128 = 7;

#[test]
fn every_point_has_its_death() {
    let bus = points(concat!(env!("CARGO_MANIFEST_DIR"), "/../bus"));
    let consumer = bus.into_iter().filter(|point| !point.starts_with("relay-"));
    let expected: BTreeSet<String> = points(env!("CARGO_MANIFEST_DIR")).into_iter().chain(consumer).collect();
    assert_eq!(POINTS.map(|(point, _)| point.to_owned()).into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_service_dies_its_tables_are_those_of_one_that_never_died() {
    let deaths = POINTS.into_iter().flat_map(|(point, nths)| nths.iter().map(move |nth| (point, *nth)));
    stream::iter(deaths).for_each_concurrent(AT_ONCE, async |(point, nth)| dies_at(point, nth).await).await;
}

async fn dies_at(point: &str, nth: usize) {
    let (broker, database, keys) = (Broker::start().await, postgres::database().await, Keys::new("test"));
    let port = Port::reserve();
    let settings = [
        ("SHOP_INSTANCE", "test".to_owned()),
        ("SHOP_JWKS", keys.jwks().display().to_string()),
        ("GRPC_ADDR", port.address().to_string()),
        ("DATABASE_URL", database.url.clone()),
        ("KAFKA_BROKERS", broker.brokers()),
    ];
    let known = settings.clone();
    let lookup = Lookup::new(move |name| known.iter().find(|(known, _)| *known == name).map(|(_, v)| v.clone()));
    let config = recommender::Service::config(&lookup).expect("a whole configuration");
    recommender::Service::migrate(config).await.expect("the database can be migrated");
    let pool = PgPool::connect(&database.url).await.expect("the database answers");
    let channel = grpc::channel(&format!("http://{}", port.address())).expect("an address");
    let token = signer(&keys, Owner::Shopctl).service_token(Owner::Recommender);
    let mut command = Command::new(env!("CARGO_BIN_EXE_recommender-failpoints"));
    command.arg("serve").envs(settings).env("RUST_LOG", "off");
    let mut service = Mortal::start(command, point, nth);
    service
        .while_it_lives(async {
            tell(&broker, &pool).await;
            import(RecommenderServiceClient::new(channel), &token).await;
            heard(&broker).await;
        })
        .await;
    service.has_died(SOON).await;
    heard(&broker).await;
    assert_eq!(tables(&pool).await, expected(), "{point}, {nth}");
    let letters = broker.events(&["order_events.dlt"]).await;
    // The same letter may come twice: who reads it sees where it comes from.
    assert!((1..=2).contains(&letters.len()), "{point}, {nth}: {letters:?}");
    assert!(letters.iter().all(|letter| letter.key.as_deref() == Some("poison")), "{point}, {nth}: {letters:?}");
}

/// Waits until the service has dealt with all that there is.
async fn heard(broker: &Broker) {
    let heard = async || (broker.lag("recommender", &["product_events", "order_events"]).await == 0).then_some(());
    eventually(SOON, "all is heard", heard).await;
}

/// Poison, and the events: those of products at once, so that many wait, those of orders one after the other.
async fn tell(broker: &Broker, pool: &PgPool) {
    let product = |name: &str, version: i64| {
        let id = name.to_lowercase();
        json!({"product_id": id, "name": name, "price_cents": 150, "version": version})
    };
    let order = |id, version| order_data(id, 9, version, &["mug"]);
    let events = [
        ("product_events", "mug", "product_created", product("Mug", 1)),
        ("product_events", "mug", "product_updated", product("Mug", 2)),
        ("product_events", "tea", "product_created", product("Tea", 1)),
        ("product_events", "tea", "product_deleted", json!({"product_id": "tea", "version": 2})),
        ("order_events", "1", "order_created", order(1, 1)),
        ("order_events", "1", "order_paid", order(1, 2)),
        ("order_events", "2", "order_cancelled", order(2, 1)),
    ];
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", broker.brokers()).create().expect("a producer can be made");
    let poison = FutureRecord::to("order_events").key("poison").payload("no event");
    producer.send(poison, SOON).await.expect("it is taken");
    for (n, (topic, key, kind, data)) in (1..).zip(events) {
        let id = Uuid::from_u128(n).to_string();
        let headers = OwnedHeaders::new().insert(Header { key: "ce_id", value: Some(&id) });
        let value = json!({"type": kind, "data": data}).to_string();
        producer
            .send(FutureRecord::to(topic).key(key).payload(&value).headers(headers), SOON)
            .await
            .expect("it is taken");
        if topic == "order_events" {
            eventually(SOON, "all until then are applied", async || {
                let known: i64 = sqlx::query_scalar("SELECT count(*) FROM inbox").fetch_one(pool).await.ok()?;
                (u128::try_from(known) == Ok(n)).then_some(())
            })
            .await;
        }
    }
}

async fn import(client: RecommenderServiceClient<Channel>, token: &str) {
    eventually(SOON, "the history is imported", async || {
        let past = tokio_stream::iter([basket("past", "c", &["mug"])]);
        client.clone().import_history(grpc::request(past, Some(token), SOON)).await.ok().map(drop)
    })
    .await;
}

/// All that the service keeps, but for revisions and moments.
async fn tables(pool: &PgPool) -> BTreeSet<String> {
    let rows: Vec<Value> = sqlx::query_scalar(
        "SELECT to_jsonb(t) - 'revision' FROM products t UNION ALL SELECT to_jsonb(t) - 'revision' FROM orders t
         UNION ALL SELECT to_jsonb(t) - 'revision' - 'ordered_at' FROM imported_baskets t
         UNION ALL SELECT to_jsonb(t) - 'received_at' FROM inbox t",
    )
    .fetch_all(pool)
    .await
    .expect("the database answers");
    rows.iter().map(Value::to_string).collect()
}

fn expected() -> BTreeSet<String> {
    let product = |id: &str, name: &str, cents: i64, deleted: bool| {
        json!({"id": id, "name": name, "description": "", "price_cents": cents, "version": 2,
            "deleted": deleted})
    };
    let order = |id: i64, cancelled: bool, version: i64| {
        json!({"id": id, "account_id": 9, "product_ids": ["mug"], "quantities": [1], "cancelled": cancelled,
            "version": version})
    };
    let kept = [
        product("mug", "Mug", 150, false),
        product("tea", "", 0, true),
        order(1, false, 2),
        order(2, true, 1),
        json!({"id": "past", "customer": "c", "product_ids": ["mug"], "quantities": [1]}),
    ];
    let known = (1..=EVENTS).map(|id| json!({"consumer": "recommender", "event_id": Uuid::from_u128(id)}));
    kept.into_iter().chain(known).map(|row| row.to_string()).collect()
}
