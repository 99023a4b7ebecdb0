//! What only Elasticsearch can do: be away, have several services, change its mapping.

use std::collections::{BTreeSet, HashMap};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::cases;
use testkit::elasticsearch::{Node, available, shared};
use testkit::port::Port;
use testkit::trials::{Case, Server};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, spawn_blocking};

use crate::support::{
    Client, DEADLINE, Running, SELLER, Setting, Store, answer, fixtures, globe, ids, indexed, names, text,
};

pub(crate) const CASES: &[Case<Only>] = cases![
    both_stores_find_the_same_in_the_same_order,
    an_elasticsearch_that_comes_late_is_waited_for,
    what_was_answered_outlives_an_outage_that_everybody_is_told_of,
    a_frozen_elasticsearch_is_an_outage_too,
    replicas_that_start_and_write_together_lose_nothing_and_tell_everything,
    a_walk_skips_nothing_whichever_replica_creates_meanwhile,
    an_index_with_an_older_mapping_is_copied_and_replaced,
    an_index_with_a_later_mapping_is_left_alone,
    an_index_that_was_removed_is_made_again,
];

/// Elasticsearch alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Only;

impl Server for Only {
    const ALL: &'static [Self] = &[Self];

    fn name(self) -> &'static str {
        Store::Elasticsearch.name()
    }

    fn available(self) -> Result<(), String> {
        available()
    }
}

async fn setting() -> Setting {
    Setting::new(Store::Elasticsearch).await
}

/// A call of Elasticsearch itself.
async fn call(setting: &Setting, method: Method, path: &str, body: &Value) -> Value {
    let root = setting.catalog.rsplit_once('/').expect("a prefix").0;
    let request = Client::new(root.to_owned()).request(method, path);
    let request = if body.is_null() { request } else { request.json(body) };
    let (status, answer) = answer(request).await;
    assert!(status.is_success(), "{path}: {answer}");
    answer
}

fn alias(setting: &Setting) -> String {
    format!("{}-catalog", setting.catalog.rsplit_once('/').expect("a prefix").1)
}

async fn status(client: &Client, path: &str) -> StatusCode {
    client.request(Method::GET, path).send().await.expect("it answers").status()
}

async fn is_ready(client: &Client) {
    let ready = async || (status(client, "/health/ready").await == StatusCode::OK).then_some(());
    testkit::eventually(DEADLINE, "the service is ready", ready).await;
}

async fn both_stores_find_the_same_in_the_same_order(_: Only) {
    let settings = [Setting::new(Store::Embedded).await, setting().await];
    let mut services = Vec::new();
    for setting in &settings {
        let running = setting.start().await;
        let items = fixtures();
        running.client.post("/products/bulk", Some(&setting.user_token(SELLER)), &json!({"items": items})).await;
        indexed(&running.client, &items).await;
        services.push(running);
    }
    for query in [
        "q=globe",
        "q=inflatable+political+globe",
        "q=inflatabel+globe",
        "q=inflatb",
        "q=politcal",
        "q=caek+stand",
        "q=heart",
        "q=mug",
        "q=red+retrospot+mug",
        "q=xyzzyplugh",
        "q=globe+xyzzyplugh",
        "q=10002",
        "q=100",
        "q=100023",
        "q=lunch+bxo",
        "q=choclate+hot+wtaer+botle",
        "q=white+hanging+heart+t-light+holder",
        "q=t",
        "q=set+of+3",
        "q=CAKESTAND&sort=price",
        "q=jumbo+bag&sort=-price",
        "q=vintage&sort=name",
        "q=vintage&sort=-name",
        "sort=name",
        "sort=-price",
        "",
    ] {
        let path = format!("/products/search?limit=100&{query}");
        let mut pages = Vec::new();
        for running in &services {
            let (status, page) = running.client.get(&path).await;
            assert_eq!(status, StatusCode::OK, "{query}: {page}");
            pages.push((names(&page), page["next_cursor"].is_string()));
        }
        assert_eq!(pages[0], pages[1], "{query}");
    }
    for running in services {
        running.stop().await;
    }
}

/// Passes connections on, from when it is opened.
async fn open_way(port: &Port) -> tokio::task::AbortHandle {
    let listener = TcpListener::bind(port.address()).await.expect("it is free");
    let way = tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.expect("it listens");
            tokio::spawn(async move {
                let mut far = TcpStream::connect(shared().address()).await.expect("it answers");
                // However it ends, it is over.
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    way.abort_handle()
}

async fn an_elasticsearch_that_comes_late_is_waited_for(_: Only) {
    let (mut setting, port) = (setting().await, Port::reserve());
    setting.catalog = setting.catalog.replace(&shared().address().to_string(), &port.address().to_string());
    let running = setting.start().await;
    let (status, refused) = running.client.post("/products/", Some(&setting.user_token(SELLER)), &globe()).await;
    assert_eq!((status, refused), (StatusCode::SERVICE_UNAVAILABLE, json!({"detail": "The catalog can't be reached"})));
    assert_eq!(self::status(&running.client, "/health/live").await, StatusCode::OK);
    let (status, told) = running.client.get("/health/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!told.to_string().contains("only-for-t3sts"), "{told}");
    let way = open_way(&port).await;
    is_ready(&running.client).await;
    running.client.create(&setting.user_token(SELLER), &globe()).await;
    running.stop().await;
    way.abort();
}

async fn what_was_answered_outlives_an_outage_that_everybody_is_told_of(_: Only) {
    let mut setting = setting().await;
    let mut node = spawn_blocking(Node::start).await.expect("it starts");
    setting.catalog = format!("{}/test", node.url());
    // Nothing can be told before the outage: the event must come from Elasticsearch's disk.
    setting.broker.stop().await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let created = running.client.create(&token, &globe()).await;
    let path = format!("/products/{}", text(&created, "id"));
    node.kill();
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    for read in [path.as_str(), "/products/", "/products/search?q=globe", "/health/ready"] {
        assert_eq!(status(&running.client, read).await, unavailable, "{read}");
    }
    assert_eq!(running.client.post("/products/", Some(&token), &globe()).await.0, unavailable);
    assert_eq!(running.client.send(Method::PUT, &path, Some(&token), &globe()).await.0, unavailable);
    let node = spawn_blocking(move || {
        node.restart();
        node
    });
    let node = node.await.expect("it starts again");
    is_ready(&running.client).await;
    assert_eq!(running.client.get(&path).await, (StatusCode::OK, created.clone()));
    running.client.create(&token, &globe()).await;
    setting.broker.restart().await;
    let told = testkit::eventually(DEADLINE, "both are told", async || {
        let events = setting.broker.events(&["product_events"]).await;
        let keys: BTreeSet<String> = events.into_iter().filter_map(|event| event.key).collect();
        (keys.len() == 2).then_some(keys)
    });
    assert!(told.await.contains(text(&created, "id")));
    running.stop().await;
    drop(node);
}

async fn a_frozen_elasticsearch_is_an_outage_too(_: Only) {
    let mut setting = setting().await;
    let node = spawn_blocking(Node::start).await.expect("it starts");
    setting.catalog = format!("{}/test", node.url());
    let running = setting.start().await;
    let created = running.client.create(&setting.user_token(SELLER), &globe()).await;
    let path = format!("/products/{}", text(&created, "id"));
    node.pause();
    let (ready, read) = tokio::join!(status(&running.client, "/health/ready"), status(&running.client, &path));
    assert_eq!((ready, read), (StatusCode::SERVICE_UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE));
    node.unpause();
    is_ready(&running.client).await;
    assert_eq!(running.client.get(&path).await, (StatusCode::OK, created));
    running.stop().await;
}

async fn pair(setting: &Setting) -> [Running; 2] {
    let (one, other) = tokio::join!(setting.start(), setting.start());
    for running in [&one, &other] {
        is_ready(&running.client).await;
    }
    [one, other]
}

async fn replicas_that_start_and_write_together_lose_nothing_and_tell_everything(_: Only) {
    let setting = setting().await;
    let pair = pair(&setting).await;
    let token = setting.user_token(SELLER);
    let shared = text(&pair[0].client.create(&token, &globe()).await, "id").to_owned();
    let mut tasks = JoinSet::new();
    for number in 0..30 {
        let (client, token, shared) = (pair[number % 2].client.clone(), token.clone(), shared.clone());
        tasks.spawn(async move {
            let body = json!({"name": format!("Cup {number}"), "description": "", "price": 1});
            let id = text(&client.create(&token, &body).await, "id").to_owned();
            let (status, _) = client.send(Method::PUT, &format!("/products/{shared}"), Some(&token), &body).await;
            assert_eq!(status, StatusCode::OK);
            id
        });
    }
    let mut created: Vec<String> = tasks.join_all().await.into_iter().chain([shared.clone()]).collect();
    created.sort();
    for running in &pair {
        let mut listed = ids(&running.client.get("/products/?limit=100").await.1);
        listed.sort();
        assert_eq!(listed, created);
    }
    // The shared one has a version for each change, told in order.
    testkit::eventually(DEADLINE, "all is told", async || {
        let mut versions: HashMap<String, Vec<i64>> = HashMap::new();
        let mut seen = BTreeSet::new();
        for event in setting.broker.events(&["product_events"]).await {
            if seen.insert(event.id.expect("an id")) {
                let version = event.data["version"].as_i64().expect("a version");
                versions.entry(event.key.expect("a key")).or_default().push(version);
            }
        }
        let told: BTreeSet<i64> = versions.get(&shared)?.iter().copied().collect();
        (versions.len() == created.len() && told == (1..=31).collect()).then_some(())
    })
    .await;
    for running in pair {
        running.stop().await;
    }
}

async fn a_walk_skips_nothing_whichever_replica_creates_meanwhile(_: Only) {
    let setting = setting().await;
    let pair = pair(&setting).await;
    let token = setting.user_token(SELLER);
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let (client, token) = (pair[writer % 2].client.clone(), token.clone());
        writers.spawn(async move {
            for _ in 0..25 {
                client.create(&token, &globe()).await;
            }
        });
    }
    let mut seen = Vec::new();
    let mut path = "/products/?limit=3".to_owned();
    loop {
        // Asked before the page: what is written after it belongs to another page.
        while let Some(written) = writers.try_join_next() {
            written.expect("no panic");
        }
        let quiet = writers.is_empty();
        let (status, page) = pair[0].client.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        match page["next_cursor"].as_str() {
            Some(cursor) => {
                seen.extend(ids(&page));
                path = format!("/products/?limit=3&cursor={cursor}");
            }
            None if quiet => {
                seen.extend(ids(&page));
                break;
            }
            // The last page is asked for again: there will be more.
            None => {}
        }
    }
    let distinct: BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (100, 100));
    for running in pair {
        running.stop().await;
    }
}

async fn an_index_with_an_older_mapping_is_copied_and_replaced(_: Only) {
    let setting = setting().await;
    let alias = alias(&setting);
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let before = running.client.create(&token, &globe()).await;
    running.stop().await;
    // As a version before would have left it.
    let (old, new) = (format!("{alias}-0"), format!("{alias}-1"));
    call(&setting, Method::POST, &format!("/{new}/_refresh"), &Value::Null).await;
    call(&setting, Method::PUT, &format!("/{old}"), &json!({"mappings": {"dynamic": false}})).await;
    let copy = json!({"source": {"index": new}, "dest": {"index": old}});
    call(&setting, Method::POST, "/_reindex?refresh=true", &copy).await;
    let actions = json!({"actions": [
        {"remove_index": {"index": new}},
        {"add": {"index": old, "alias": alias, "is_write_index": true}},
    ]});
    call(&setting, Method::POST, "/_aliases", &actions).await;
    let pair = pair(&setting).await;
    let after = pair[0].client.create(&token, &globe()).await;
    assert_eq!(pair[1].client.get("/products/").await.1["items"], json!([before, after]));
    pair[1].client.found("q=globe", |names| names.len() == 2).await;
    for running in pair {
        running.stop().await;
    }
    // One of the two may have been stopped before it had removed its copy, and here is what another one has left.
    let left = format!("{new}-left");
    call(&setting, Method::PUT, &format!("/{left}"), &Value::Null).await;
    let running = setting.start().await;
    is_ready(&running.client).await;
    running.stop().await;
    let indices = call(&setting, Method::GET, &format!("/{alias}-*/_alias"), &Value::Null).await;
    let indices: Vec<&String> = indices.as_object().expect("by name").keys().collect();
    assert!(indices.len() == 1 && indices[0].starts_with(&format!("{new}-")) && *indices[0] != left, "{indices:?}");
}

async fn an_index_with_a_later_mapping_is_left_alone(_: Only) {
    let setting = setting().await;
    let alias = alias(&setting);
    let aliases = json!({"aliases": {&alias: {}}});
    call(&setting, Method::PUT, &format!("/{alias}-999"), &aliases).await;
    let running = setting.start().await;
    let (status, told) = running.client.get("/health/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(told.to_string().contains(&format!("{alias}-999")), "{told}");
    running.stop().await;
}

async fn an_index_that_was_removed_is_made_again(_: Only) {
    let setting = setting().await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let path = format!("/products/{}", text(&running.client.create(&token, &globe()).await, "id"));
    call(&setting, Method::DELETE, &format!("/{}-1", alias(&setting)), &Value::Null).await;
    // Not the same as a product that does not exist.
    assert_eq!(status(&running.client, &path).await, StatusCode::SERVICE_UNAVAILABLE);
    is_ready(&running.client).await;
    assert_eq!(status(&running.client, &path).await, StatusCode::NOT_FOUND);
    running.client.create(&token, &globe()).await;
    running.stop().await;
}
