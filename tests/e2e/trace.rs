//! `shopctl trace` and `shopctl graph`: what happened to an order and what it waits for, told by everyone who has a part in
//! it, also once the shop is down.

use std::{collections::BTreeSet, process::Stdio, time::Duration};

use serde_json::Value;
use testkit::eventually;

use crate::{
    shop::{SETTLED, Shop, Shopper},
    stack::{Stack, code},
};

fn texts<'a>(story: &'a Value, list: &str, field: &str) -> BTreeSet<&'a str> {
    story[list].as_array().expect("a list").iter().filter_map(|one| one[field].as_str()).collect()
}

fn traced(stack: &Stack, subject: &str) -> Value {
    let (story, code) = stack.json(&["trace", subject]);
    assert_eq!(code, 0, "{story:#}");
    story
}

/// An order whose payment page is open; answers with its number and the page.
async fn unpaid(shop: &Shop, shopper: &Shopper, product: &str, key: &str) -> (i64, String) {
    let order = shop.order(shopper, product, key).await.expect("it is made");
    let id = order["id"].as_i64().expect("an id");
    (id, shop.check_out(shopper, id).await)
}

async fn pay(shop: &Shop, page: &str) {
    let answer = shop.pay(page).await.expect("payment answers");
    assert!(answer.status().is_success(), "{}", answer.status());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(feature = "docker", ignore = "containers are behind the same addresses, and tell the same")]
async fn an_order_tells_its_whole_way_what_it_waits_for_and_what_is_left_of_it_when_the_shop_is_down() {
    let stack = Stack::new("trace");
    // Without the seed: one product is enough.
    stack.succeeds(&["up", "gateway", "--isolated", "--detach"]);
    let shop = stack.shop();
    let shopper = shop.shopper().await;
    let product = shop.product(&shopper, 12.99).await;

    let (paid, page) = unpaid(&shop, &shopper, &product, "paid").await;
    let story = traced(&stack, &paid.to_string());
    assert!(texts(&story, "waits", "for").contains("person"), "{story:#}");
    pay(&shop, &page).await;
    shop.becomes(&shopper, paid, "PAID").await;
    // Payment tells how far it has read twice a second only.
    let story = eventually(SETTLED, "everyone knows that it is paid", async || {
        let story = traced(&stack, &paid.to_string());
        let is_quiet = story["waits"].as_array().is_some_and(Vec::is_empty);
        (is_quiet && story["milestones"]["recommended"].is_number()).then_some(story)
    })
    .await;
    whole(&story);
    spans(&stack, paid).await;
    let told = stack.succeeds(&["trace", &paid.to_string()]);
    for part in ["PAID", "25.98, 1 line", "recommended +", "order_paid v2", "nothing is under way"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let of_payment = story["events"][1]["trace"].as_str().expect("the event has a trace");
    let same = traced(&stack, of_payment);
    assert_eq!((&same["order"], &same["status"]), (&story["order"], &story["status"]), "{same:#}");
    page_is_whole(&stack, paid);
    unknown(&stack);
    graph(&stack);

    let (stuck, page) = unpaid(&shop, &shopper, &product, "stuck").await;
    stack.succeeds(&["stop", "order"]);
    pay(&shop, &page).await;
    is_stuck(&stack, stuck).await;
    let follower = stack.shopctl(&["trace", "--last", "--follow"]).stdout(Stdio::piped()).spawn();
    let follower = follower.expect("shopctl can be executed");
    stack.succeeds(&["start", "order"]);
    let followed = follower.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&followed.stdout);
    assert!(code(&followed) == 0 && told.contains(&format!("order {stuck}  PAID")), "{told}");
    assert!(told.contains("nothing is under way"), "{told}");

    stack.succeeds(&["down"]);
    let (story, code) = stack.json(&["trace", &stuck.to_string()]);
    assert_eq!(code, 0, "{story:#}");
    let missing = texts(&story, "missing", "what");
    assert!(missing.contains("rows") && !missing.contains("events"), "{story:#}");
    let kinds: Vec<&Value> = story["events"].as_array().expect("a list").iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["order_created", "order_paid"], "the broker has left them: {story:#}");
    what_was_published(&stack, stuck);
    assert!(texts(&story, "lines", "resource").is_superset(&BTreeSet::from(["order", "payment"])), "{story:#}");
    assert!(stack.succeeds(&["graph"]).contains("published"), "what is declared needs nobody who runs");
}

/// Events can be looked at without anybody who runs, and are as they were.
fn what_was_published(stack: &Stack, order: i64) {
    let told = stack.succeeds(&["events", "order_events", "--order", &order.to_string(), "--json"]);
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<&Value> = told.iter().map(|event| &event["type"]).collect();
    assert_eq!(told, ["order_created", "order_paid"]);
    let (stats, exit) = stack.json(&["events", "stats", "order_events"]);
    let records: u64 =
        stats["partitions"].as_array().expect("a list").iter().filter_map(|one| one["records"].as_u64()).sum();
    assert_eq!((exit, records), (0, 4), "two orders: {stats:#}");
    let (groups, exit) = stack.json(&["events", "lag"]);
    let lag: i64 =
        groups[0]["partitions"].as_array().expect("a list").iter().filter_map(|one| one["lag"].as_i64()).sum();
    assert_eq!((exit, lag), (0, 0), "everyone knew everything: {groups:#}");
    let output = stack.shopctl(&["events", "--follow"]).output().expect("shopctl can be executed");
    assert_eq!(code(&output), 8, "nothing comes");
}

/// Everyone who had a part in it tells it, and nobody anything that contradicts.
fn whole(story: &Value) {
    assert_eq!((&story["status"]["status"], &story["waits"]), (&"PAID".into(), &Value::Array(vec![])), "{story:#}");
    let states: Vec<&str> =
        story["changes"].as_array().expect("a list").iter().filter_map(|one| one["status"].as_str()).collect();
    assert_eq!(states, ["PENDING", "PAID"], "{story:#}");
    let (paid, recommended) = (story["milestones"]["paid"].as_f64(), story["milestones"]["recommended"].as_f64());
    assert!(paid > Some(0.0) && recommended > paid, "{story:#}");
    let events: Vec<&Value> = story["events"].as_array().expect("a list").iter().collect();
    let kinds: Vec<&Value> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["order_created", "order_paid"], "{story:#}");
    assert!(events.iter().all(|event| event["topic"] == "order_events" && event["offset"].is_i64()), "{story:#}");
    let tables = ["order_db.orders", "payment_db.transactions", "payment_db.webhooks", "recommender_db.orders"];
    assert!(texts(story, "rows", "table").is_superset(&BTreeSet::from(tables)), "{story:#}");
    let services = BTreeSet::from(["gateway", "order", "payment"]);
    assert!(texts(story, "lines", "resource").is_superset(&services), "{story:#}");
}

/// The order's own trace has every hop in it, and tells what is critical, queued and whose child.
async fn spans(stack: &Stack, order: i64) {
    let trace = eventually(SETTLED, "all spans are there", async || {
        let story = traced(stack, &order.to_string());
        let created = story["events"][0]["trace"].clone();
        let traces = story["traces"].as_array().expect("traces");
        traces.iter().find(|trace| trace["id"] == created && is_whole(trace)).cloned()
    })
    .await;
    let spans = trace["spans"].as_array().expect("spans");
    assert_eq!(spans.iter().filter(|span| span["depth"] == 0).count(), 1, "{trace:#}");
    assert!(spans.iter().any(|span| span["critical"].is_number()), "{trace:#}");
    let consumers = spans.iter().filter(|span| span["kind"] == "consumer").collect::<Vec<_>>();
    assert!(consumers.iter().all(|span| span["queued"].is_number()), "{consumers:#?}");
}

/// Everyone has sent what there is of it, and every parent.
fn is_whole(trace: &Value) -> bool {
    let spans = trace["spans"].as_array().expect("spans");
    let is_there = |service: &&str| spans.iter().any(|span| span["service"] == *service);
    ["gateway", "order", "product", "recommender"].iter().all(is_there)
        && spans.iter().all(|span| span["orphan"] == false)
}

/// A page that a browser can show without anything else.
fn page_is_whole(stack: &Stack, order: i64) {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let path = folder.path().join("order.html");
    stack.succeeds(&["trace", &order.to_string(), "--html", path.to_str().expect("a path in UTF-8")]);
    let page = std::fs::read_to_string(path).expect("it was written");
    assert!(page.contains("order_paid") && page.contains("Content-Security-Policy"), "{page}");
    assert!(!page.contains("<script") && !page.contains("src="), "{page}");
}

fn unknown(stack: &Stack) {
    let output = stack.run(&["trace", "2147483647"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(code(&output) == 2 && said.contains("order 2147483647") && said.contains("order_created"), "{said}");
}

fn graph(stack: &Stack) {
    let (graph, code) = stack.json(&["graph", "--observed"]);
    assert_eq!(code, 0, "{graph:#}");
    let edges = graph["edges"].as_array().expect("edges");
    let undeclared: Vec<&Value> = edges.iter().filter(|edge| edge["verdict"] == "undeclared").collect();
    assert!(undeclared.is_empty(), "{undeclared:#?}");
    let used = |from: &str, to: &str| {
        edges.iter().any(|edge| edge["from"] == from && edge["to"] == to && edge["used"].is_object())
    };
    assert!(used("order", "order_events") && used("order_events", "recommender"), "{graph:#}");
}

/// Payment has the money, and nobody hears it.
async fn is_stuck(stack: &Stack, order: i64) {
    const SENTENCE: &str = "payment: webhook received, order not told: order is unreachable (stopped), attempt ";
    let told = eventually(Duration::from_secs(20), "it says what it waits for", async || {
        let told = stack.succeeds(&["trace", &order.to_string()]);
        told.contains(SENTENCE).then_some(told)
    })
    .await;
    assert!(told.contains(", next ") && told.contains("payment_db.tellings"), "{told}");
}
