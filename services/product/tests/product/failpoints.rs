//! The service dies around every commit of its file and its index, and around publishing. Afterwards the catalog, what is
//! found in it and what is told of it agree, and nothing that was answered is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use futures::{StreamExt, stream};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::cases;
use testkit::crash::{Mortal, points};
use testkit::eventually;
use testkit::port::Port;
use testkit::trials::{Case, Server};

use crate::support::{Client, SELLER, Setting, Store, ids, text};

pub(crate) const CASES: &[Case<Store>] =
    cases![every_point_has_its_death, wherever_the_service_dies_what_is_stored_found_and_told_agrees,];

const SOON: Duration = Duration::from_secs(60);
const AT_ONCE: usize = 6;
const PAIR: &str = "one of a pair";

/// Points, and at which of its passages the service dies at each.
type Deaths = &'static [(&'static str, &'static [usize])];

fn deaths(store: Store) -> Deaths {
    match store {
        Store::Embedded => &[
            // Two creations and a third of two products, an update and a deletion, and what the relay marks.
            ("catalog-before-commit", &[1, 2, 3, 4, 5]),
            ("catalog-after-commit", &[1, 2, 3, 4, 5]),
            ("index-before-commit", &[1]),
            ("index-after-commit", &[1]),
            ("relay-before-publish", &[1]),
            ("relay-before-mark", &[1]),
            ("relay-after-mark", &[1]),
        ],
        Store::Elasticsearch => &[
            ("create-before-write", &[1, 3]),
            ("create-after-write", &[1, 3]),
            ("group-before-decision", &[1]),
            ("group-after-decision", &[1]),
            ("group-after-settling", &[1]),
            ("change-before-write", &[1, 2]),
            ("change-after-write", &[1, 2]),
            ("relay-before-publish", &[1]),
            ("relay-before-mark", &[1]),
            ("relay-after-mark", &[1]),
        ],
    }
}

async fn every_point_has_its_death(_: Store) {
    let bus = points(concat!(env!("CARGO_MANIFEST_DIR"), "/../bus"));
    let relay = bus.into_iter().filter(|point| point.starts_with("relay-"));
    let expected: BTreeSet<String> = points(env!("CARGO_MANIFEST_DIR")).into_iter().chain(relay).collect();
    let all = Store::ALL.iter().flat_map(|&store| deaths(store)).map(|(point, _)| (*point).to_owned());
    assert_eq!(all.collect::<BTreeSet<_>>(), expected);
}

async fn wherever_the_service_dies_what_is_stored_found_and_told_agrees(store: Store) {
    let deaths = deaths(store).iter().flat_map(|(point, nths)| nths.iter().map(move |nth| (*point, *nth)));
    stream::iter(deaths).for_each_concurrent(AT_ONCE, async |(point, nth)| dies_at(store, point, nth).await).await;
}

async fn dies_at(store: Store, point: &str, nth: usize) {
    let (setting, port) = (Setting::new(store).await, Port::reserve());
    let mut command = Command::new(env!("CARGO_BIN_EXE_product-failpoints"));
    command.arg("serve").envs(setting.variables()).env("HTTP_ADDR", port.address().to_string()).env("RUST_LOG", "off");
    let client = Client::new(format!("http://{}", port.address()));
    let mut service = Mortal::start(command, point, nth);
    let [updated, deleted] = service.while_it_lives(write(&client, &setting.user_token(SELLER))).await;
    service.has_died(SOON).await;

    // Nobody was answered about a creation that died with its answer; it stands all the same, once for each time it was asked.
    let (page, found) = eventually(SOON, "the catalog can be read", async || {
        let page = send(&client, Method::GET, "/products/?limit=100", "", &json!(null)).await?.1;
        let found = send(&client, Method::GET, "/products/search?q=cup&limit=100", "", &json!(null)).await?.1;
        (ids(&page).len() == ids(&found).len()).then_some((page, found))
    })
    .await;
    let stored: BTreeSet<String> = ids(&page).into_iter().collect();
    assert_eq!(stored, ids(&found).into_iter().collect(), "{point}, {nth}: all can be found");
    assert!(stored.contains(&updated) && !stored.contains(&deleted), "{point}, {nth}: what was answered is so");
    let pairs = page["items"].as_array().expect("items").iter().filter(|item| item["description"] == PAIR).count();
    assert!(pairs > 0 && pairs.is_multiple_of(2), "{point}, {nth}: {pairs} of pairs: both are there or none");

    let mut expected: BTreeMap<String, Vec<i64>> = stored.into_iter().map(|id| (id, vec![1])).collect();
    expected.insert(updated, vec![1, 2]);
    expected.insert(deleted, vec![1, 2]);
    eventually(SOON, &format!("{point}, {nth}: each change is one event, in order"), async || {
        let mut seen = BTreeSet::new();
        let mut told: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for event in setting.broker.events(&["product_events"]).await {
            // A second one with the same id is a redelivery.
            if seen.insert(event.id.expect("an id")) {
                let version = event.data["version"].as_i64().expect("a version");
                told.entry(event.key.expect("a key")).or_default().push(version);
            }
        }
        (told == expected).then_some(())
    })
    .await;
}

/// Creates two products, then two at once, changes the first and deletes the second; answers with the ids of these.
async fn write(client: &Client, token: &str) -> [String; 2] {
    let cup = |price: f64| json!({"name": "Cup", "description": "", "price": price});
    let mut made = Vec::new();
    for _ in 0..2 {
        let product = insist(client, Method::POST, "/products/", token, &cup(1.0)).await;
        made.push(text(&product, "id").to_owned());
    }
    let pair = json!({"items": [{"name": "Cup", "description": PAIR, "price": 1}, {"name": "Cup", "description": PAIR, "price": 1}]});
    insist(client, Method::POST, "/products/bulk", token, &pair).await;
    insist(client, Method::PUT, &format!("/products/{}", made[0]), token, &cup(2.0)).await;
    insist(client, Method::DELETE, &format!("/products/{}", made[1]), token, &json!(null)).await;
    made.try_into().expect("two")
}

/// Asks until there is an answer.
async fn insist(client: &Client, method: Method, path: &str, token: &str, body: &Value) -> Value {
    eventually(SOON, path, async || {
        let (status, answer) = send(client, method.clone(), path, token, body).await?;
        // Deleted before the death that took the answer along.
        let gone = status == StatusCode::NOT_FOUND && method == Method::DELETE;
        assert!(status.is_success() || gone, "{method} {path}: {status} {answer}");
        Some(answer)
    })
    .await
}

/// `None` if there is no whole answer, or one of a service that is on its way.
async fn send(client: &Client, method: Method, path: &str, token: &str, body: &Value) -> Option<(StatusCode, Value)> {
    let request = client.request(method, path).bearer_auth(token);
    let request = if body.is_null() { request } else { request.json(body) };
    let answer = request.send().await.ok()?;
    let (status, bytes) = (answer.status(), answer.bytes().await.ok()?);
    (!status.is_server_error()).then(|| (status, serde_json::from_slice(&bytes).unwrap_or_default()))
}
