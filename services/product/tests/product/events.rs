//! What the topic `product_events` is told.

use std::collections::HashSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use testkit::cases;
use testkit::trials::Case;

use crate::program::Program;
use crate::support::{DEADLINE, SELLER, Setting, Store, fixtures, globe, text};
use crate::topic::Topic;

pub(crate) const CASES: &[Case<Store>] = cases![
    every_change_is_told_once_in_order_and_with_its_headers,
    an_event_is_of_the_trace_of_the_request_that_caused_it,
    changes_of_one_product_are_told_in_the_order_of_their_versions,
    what_was_written_while_the_broker_was_away_is_told_when_it_is_back,
    the_whole_catalog_is_told_and_the_outbox_is_empty_then,
];

async fn every_change_is_told_once_in_order_and_with_its_headers(store: Store) {
    let setting = Setting::new(store).await;
    let topic = Topic::open(&setting.broker.brokers());
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let id = text(&running.client.create(&token, &globe()).await, "id").to_owned();
    let path = format!("/products/{id}");
    let body = json!({"name": "Globe", "description": "", "price": 1});
    running.client.send(Method::PUT, &path, Some(&token), &body).await;
    running.client.send(Method::DELETE, &path, Some(&token), &Value::Null).await;
    let records = topic.wait(DEADLINE, 3).await;
    let told: Vec<_> = records.iter().map(|record| (text(&record.value, "type"), &record.value["data"])).collect();
    let created = json!({"product_id": id, "name": "INFLATABLE POLITICAL GLOBE", "description": "A globe of air",
        "price": 0.85, "account_id": SELLER, "version": 1, "price_cents": 85, "sku": "10002"});
    let updated = json!({"product_id": id, "name": "Globe", "description": "", "price": 1.0, "account_id": SELLER,
        "version": 2, "price_cents": 100});
    let deleted = json!({"product_id": id, "version": 3});
    let expected = [("product_created", &created), ("product_updated", &updated), ("product_deleted", &deleted)];
    assert_eq!(told, expected);
    for record in &records {
        assert_eq!(record.key, id);
        assert_eq!(record.header("ce_type"), text(&record.value, "type"));
        assert_eq!(record.header("ce_source"), "product");
    }
    assert_eq!(records.iter().map(|record| record.header("ce_id")).collect::<HashSet<_>>().len(), 3);
    running.stop().await;
}

async fn an_event_is_of_the_trace_of_the_request_that_caused_it(store: Store) {
    let setting = Setting::new(store).await;
    let topic = Topic::open(&setting.broker.brokers());
    // Tracing is set up once in a process, so it takes one of its own.
    let program = Program::start(&setting).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = program.client.request(Method::POST, "/products/").bearer_auth(setting.user_token(SELLER));
    let request = request.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01")).json(&globe());
    let response = request.send().await.expect("it answers");
    assert_eq!(response.status(), StatusCode::CREATED);
    let records = topic.wait(DEADLINE, 1).await;
    let told: Vec<_> = records[0].header("traceparent").split('-').collect();
    assert_eq!(told.get(1), Some(&trace), "{told:?}");
}

async fn changes_of_one_product_are_told_in_the_order_of_their_versions(store: Store) {
    let setting = Setting::new(store).await;
    let topic = Topic::open(&setting.broker.brokers());
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let path = format!("/products/{}", text(&running.client.create(&token, &globe()).await, "id"));
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..60 {
        let (client, token, path) = (running.client.clone(), token.clone(), path.clone());
        let body = json!({"name": format!("Globe {number}"), "description": "", "price": 1});
        writers.spawn(async move { client.send(Method::PUT, &path, Some(&token), &body).await.0 });
    }
    assert!(writers.join_all().await.into_iter().all(|status| status == StatusCode::OK));
    let records = topic.wait(DEADLINE, 61).await;
    let versions: Vec<_> = records.iter().map(|record| record.value["data"]["version"].as_u64()).collect();
    assert_eq!(versions, (1..=61).map(Some).collect::<Vec<_>>());
    let last = records.last().map(|record| record.value["data"]["name"].clone());
    assert_eq!(last.as_ref(), Some(&running.client.get(&path).await.1["name"]));
    running.stop().await;
}

async fn what_was_written_while_the_broker_was_away_is_told_when_it_is_back(store: Store) {
    let mut setting = Setting::new(store).await;
    setting.broker.stop().await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let mut written = Vec::new();
    for _ in 0..3 {
        written.push(text(&running.client.create(&token, &globe()).await, "id").to_owned());
    }
    setting.broker.restart().await;
    let mut told: Vec<_> =
        Topic::open(&setting.broker.brokers()).wait(DEADLINE, 3).await.into_iter().map(|record| record.key).collect();
    told.sort();
    written.sort();
    assert_eq!(told, written);
    running.stop().await;
}

async fn the_whole_catalog_is_told_and_the_outbox_is_empty_then(store: Store) {
    let setting = Setting::new(store).await;
    let topic = Topic::open(&setting.broker.brokers());
    let running = setting.start().await;
    let body = json!({"items": fixtures()});
    running.client.post("/products/bulk", Some(&setting.user_token(SELLER)), &body).await;
    let records = topic.wait(DEADLINE, 2205).await;
    assert_eq!(records.iter().map(|record| &record.key).collect::<HashSet<_>>().len(), 2205);
    assert_eq!(records.iter().map(|record| record.header("ce_id")).collect::<HashSet<_>>().len(), 2205);
    running.stop().await;
    assert!(setting.told_everything().await);
}
