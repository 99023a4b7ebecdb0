//! The real program, killed.

use std::collections::{BTreeMap, HashSet};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use testkit::cases;
use testkit::trials::Case;

use crate::program::Program;
use crate::support::{Client, DEADLINE, SELLER, Setting, Store, globe, ids, text};
use crate::topic::{Record, Topic};

pub(crate) const CASES: &[Case<Store>] = cases![
    a_product_and_its_event_survive_a_kill_right_after_the_answer,
    kills_in_the_middle_of_many_writes_lose_nothing_and_tell_nothing_twice,
    an_orderly_stop_ends_with_success,
];

async fn a_product_and_its_event_survive_a_kill_right_after_the_answer(store: Store) {
    let mut setting = Setting::new(store).await;
    let token = setting.user_token(SELLER);
    // Nothing can be published before the kill: the event must come from the disk.
    setting.broker.stop().await;
    let mut created = Vec::new();
    for _ in 0..3 {
        let program = Program::start(&setting).await;
        for product in &created {
            let path = format!("/products/{}", text(product, "id"));
            assert_eq!(program.client.get(&path).await, (StatusCode::OK, product.clone()));
        }
        let product = program.client.create(&token, &globe()).await;
        program.kill();
        created.push(product);
    }
    let program = Program::start(&setting).await;
    program.client.found("q=globe", |names| names.len() == created.len()).await;
    setting.broker.restart().await;
    let told = Topic::open(&setting.broker.brokers()).wait(DEADLINE, created.len()).await;
    let told: HashSet<_> = told.iter().map(|record| record.key.as_str()).collect();
    assert_eq!(told, created.iter().map(|product| text(product, "id")).collect());
}

async fn kills_in_the_middle_of_many_writes_lose_nothing_and_tell_nothing_twice(store: Store) {
    let setting = Setting::new(store).await;
    let topic = Topic::open(&setting.broker.brokers());
    let token = setting.user_token(SELLER);
    let mut answered: Vec<String> = Vec::new();
    for round in 0..5 {
        let program = Program::start(&setting).await;
        let answers = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for writer in 0..8 {
            let (client, token, answers) = (program.client.clone(), token.clone(), answers.clone());
            let body = json!({"name": format!("Cup {round} {writer}"), "description": "", "price": 1});
            tasks.spawn(async move {
                let mut answered = Vec::new();
                // Until the kill.
                while let Some(id) = created(&client, &token, &body).await {
                    answered.push(id);
                    answers.fetch_add(1, Ordering::Relaxed);
                }
                answered
            });
        }
        testkit::eventually(DEADLINE, "some answers", async || (answers.load(Ordering::Relaxed) > 40).then_some(()))
            .await;
        program.kill();
        answered.extend(tasks.join_all().await.into_iter().flatten());
    }
    let program = Program::start(&setting).await;
    let mut stored = HashSet::new();
    let mut path = "/products/?limit=100".to_owned();
    loop {
        let (_, page) = program.client.get(&path).await;
        stored.extend(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/products/?limit=100&cursor={cursor}");
    }
    assert!(answered.iter().all(|id| stored.contains(id)), "every answered product is there");
    // One event for each product; a repetition has the same ce_id.
    let mut events: BTreeMap<String, String> = BTreeMap::new();
    while events.len() < stored.len() {
        for Record { key, headers, .. } in topic.wait(DEADLINE, 1).await {
            let id = headers["ce_id"].clone();
            assert_eq!(*events.entry(id).or_insert_with(|| key.clone()), key);
        }
    }
    assert_eq!(events.values().cloned().collect::<HashSet<_>>(), stored);
}

/// The id of a new product; `None` if the service went away before it answered.
async fn created(client: &Client, token: &str, body: &Value) -> Option<String> {
    let request = client.request(reqwest::Method::POST, "/products/").bearer_auth(token).json(body);
    let response = request.send().await.ok()?;
    assert_eq!(response.status(), StatusCode::CREATED);
    let product: Value = response.json().await.ok()?;
    Some(text(&product, "id").to_owned())
}

async fn an_orderly_stop_ends_with_success(store: Store) {
    let setting = Setting::new(store).await;
    let mut program = Program::start(&setting).await;
    program.client.create(&setting.user_token(SELLER), &globe()).await;
    let pid = program.process.id().to_string();
    let asked = Command::new("kill").args(["-TERM", &pid]).status().expect("there is kill");
    assert!(asked.success());
    let status =
        testkit::eventually(DEADLINE, "it ends", async || program.process.try_wait().expect("our child")).await;
    assert!(status.success(), "{status}");
}
