//! A service that dies at the worst moment: nothing is lost, nothing is applied twice.

use std::{
    collections::BTreeSet,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use shopctl_kafka::{Event, Tail, tail::Start, topics::ORDER_EVENTS};
use sqlx::{Connection as _, PgConnection};
use testkit::{cargo::build, eventually};
use uuid::Uuid;

use crate::{
    shop::{SETTLED, Shop, Shopper},
    stack::{Stack, code},
};

/// For an instance to be up, with the build before it waiting for another cargo.
const DEADLINE: Duration = Duration::from_secs(600);
const SIGABRT: i32 = 6;

/// A shop in which this test runs one service itself.
struct Crashing {
    stack: Stack,
    service: &'static str,
    binary: PathBuf,
    process: Option<Child>,
}

impl Crashing {
    async fn boot(name: &str, service: &'static str) -> Self {
        let stack = Stack::new(name);
        let binary = build(service, &format!("{service}-failpoints"), &["failpoints"]);
        let mut up = stack.shopctl(&["up", "--isolated", "--detach", "--external", service]);
        let mut up = up.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("shopctl can be executed");
        let what = "the service's variables are known";
        eventually(DEADLINE, what, async || (code(&stack.run(&["env", service])) == 0).then_some(())).await;
        let mut crashing = Self { stack, service, binary, process: None };
        crashing.start(None);
        eventually(DEADLINE, "the shop is up", async || up.try_wait().expect("it is our child")).await;
        let output = up.wait_with_output().expect("it is our child");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        crashing
    }

    /// Starts the service; it dies when it comes to `failpoint`.
    fn start(&mut self, failpoint: Option<&str>) {
        let (variables, _) = self.stack.json(&["env", self.service]);
        let variables = variables.as_object().expect("variables").iter();
        let mut command = Command::new(&self.binary);
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.envs(variables.filter_map(|(name, value)| Some((name, value.as_str()?))));
        command.env("FAILPOINTS", failpoint.map(|name| format!("{name}=return")).unwrap_or_default());
        self.process = Some(command.spawn().expect("the service can be executed"));
    }

    /// The same, in place of the one that runs.
    fn restart(&mut self, failpoint: Option<&str>) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("it can be killed");
        process.wait().expect("it is our child");
        self.start(failpoint);
    }

    /// Does `step` again and again until the service has died where it was told to: at first it may not be there yet,
    /// and an answer may be lost with the process that gave it. Returns the last answer; then the service runs again.
    async fn dies<T>(&mut self, mut step: impl AsyncFnMut() -> Option<T>) -> Option<T> {
        let process = self.process.as_mut().expect("it runs");
        let mut answer = None;
        let status = eventually(SETTLED, "the service dies", async || {
            answer = step().await.or(answer.take());
            process.try_wait().expect("our child")
        })
        .await;
        assert_eq!(status.signal(), Some(SIGABRT), "{status}");
        self.start(None);
        answer
    }
}

impl Drop for Crashing {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have died already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Orders as a client does that tries again with the same key until it has an answer.
async fn ordered(shop: &Shop, shopper: &Shopper, product: &str, key: &str) -> i64 {
    let what = "the order is made";
    let order = eventually(SETTLED, what, async || shop.order(shopper, product, key).await.ok()).await;
    order["id"].as_i64().expect("an id")
}

/// Opens a session as a client does that tries again; answers with the address of its payment page.
async fn checked_out(shop: &Shop, shopper: &Shopper, order: i64) -> String {
    let what = "a session is open";
    eventually(SETTLED, what, async || shop.try_check_out(shopper, order).await.ok()).await
}

/// Everything that the topic tells of an order, once there are `count` records of `kind`.
async fn told(shop: &Shop, order: i64, kind: &str, count: usize) -> Vec<Event> {
    let key = order.to_string();
    let tail = Tail::open(shop.address("kafka"), &[ORDER_EVENTS], Start::Earliest).await;
    let mut tail = tail.expect("the topic can be read");
    let mut found: Vec<Event> = Vec::new();
    while found.iter().filter(|event| event.kind.as_deref() == Some(kind)).count() < count {
        let event = tokio::time::timeout(SETTLED, tail.next()).await.expect("in time").expect("it can be read");
        found.push(event);
        found.retain(|event| event.key.as_deref() == Some(&key));
    }
    found.extend(
        tail.rest().await.expect("it can be read").into_iter().filter(|event| event.key.as_deref() == Some(&key)),
    );
    found
}

fn ids<'a>(events: &'a [Event], kind: &str) -> Vec<&'a str> {
    let of_kind = events.iter().filter(|event| event.kind.as_deref() == Some(kind));
    of_kind.map(|event| event.id.as_deref().expect("an id")).collect()
}

async fn count(url: &str, query: &'static str, value: i64) -> i64 {
    let mut database = PgConnection::connect(url).await.expect("the database answers");
    sqlx::query_scalar(query).bind(value).fetch_one(&mut database).await.expect("the query is right")
}

/// The recommender has the order as it is, from each event once.
async fn applied_once(shop: &Shop, order: i64, id: &str) {
    let url = shop.address("recommender_db");
    eventually(SETTLED, "the recommender has the order", async || {
        (count(url, "SELECT count(*) FROM orders WHERE id = $1", order).await == 1).then_some(())
    })
    .await;
    let mut database = PgConnection::connect(url).await.expect("the database answers");
    let quantities = sqlx::query_scalar("SELECT quantities FROM orders WHERE id = $1").bind(order);
    let quantities: Vec<i64> = quantities.fetch_one(&mut database).await.expect("the query is right");
    assert_eq!(quantities, [2]);
    let inbox = sqlx::query_scalar("SELECT count(*) FROM inbox WHERE event_id = $1");
    let inbox = inbox.bind(Uuid::parse_str(id).expect("ids are UUIDs"));
    assert_eq!(inbox.fetch_one(&mut database).await.ok(), Some(1_i64));
}

/// Order dies at `failpoint` with its first event; `records` are in the topic afterwards, of one event.
async fn order_dies(name: &str, failpoint: &str, records: usize) {
    let mut crashing = Crashing::boot(name, "order").await;
    let shop = crashing.stack.shop();
    let shopper = shop.shopper().await;
    let product = shop.product(&shopper, 10.0).await;
    let key = Uuid::new_v4().to_string();

    crashing.restart(Some(failpoint));
    let first = crashing.dies(async || shop.order(&shopper, &product, &key).await.ok()).await;

    let order = ordered(&shop, &shopper, &product, &key).await;
    if let Some(first) = first.as_ref().and_then(|order| order["id"].as_i64()) {
        assert_eq!(order, first, "what was answered is kept");
    }
    let orders = "SELECT count(*) FROM orders WHERE account_id = $1";
    assert_eq!(count(shop.address("order_db"), orders, shopper.id).await, 1);
    let events = told(&shop, order, "order_created", records).await;
    let ids = ids(&events, "order_created");
    assert_eq!(ids.len(), records, "{events:?}");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1, "they are one event: {ids:?}");
    applied_once(&shop, order, ids[0]).await;

    let page = checked_out(&shop, &shopper, order).await;
    assert!(shop.pay(&page).await.expect("payment answers").status().is_success());
    shop.becomes(&shopper, order, "PAID").await;
}

#[tokio::test]
async fn an_event_that_was_committed_but_not_published_is_published_after_the_crash() {
    order_dies("before-publish", "relay-before-publish", 1).await;
}

#[tokio::test]
async fn an_event_that_was_published_but_not_marked_comes_again_as_the_same_event() {
    order_dies("before-mark", "relay-before-mark", 2).await;
}

#[tokio::test]
async fn a_payment_that_order_was_not_told_of_is_told_after_the_crash() {
    let mut crashing = Crashing::boot("before-tell", "payment").await;
    let shop = crashing.stack.shop();
    let shopper = shop.shopper().await;
    let product = shop.product(&shopper, 10.0).await;
    let order = ordered(&shop, &shopper, &product, &Uuid::new_v4().to_string()).await;

    crashing.restart(Some("webhook-after-commit"));
    let page = checked_out(&shop, &shopper, order).await;
    crashing.dies(async || shop.pay(&page).await.ok()).await;

    shop.becomes(&shopper, order, "PAID").await;
    assert_eq!(shop.transactions(&shopper, order).await, [("SUCCESS".to_owned(), 2000)]);
    let events = told(&shop, order, "order_paid", 1).await;
    assert_eq!(ids(&events, "order_paid").len(), 1, "{events:?}");
}

#[tokio::test]
async fn a_checkout_that_cannot_be_paid_fails_with_the_step_and_the_reason() {
    let mut crashing = Crashing::boot("no-payment", "payment").await;
    let mut payment = crashing.process.take().expect("it runs");
    payment.kill().expect("it can be killed");
    payment.wait().expect("it is our child");
    let (report, code) = crashing.stack.json(&["checkout"]);
    assert_eq!(code, 6, "{report:#}");
    assert_eq!(report["held"], Value::Bool(false));
    let last = report["steps"].as_array().and_then(|steps| steps.last()).expect("steps");
    assert_eq!((last["name"].as_str(), last["outcome"].as_str()), (Some("check out"), Some("failed")), "{last}");
    assert!(last["expected"].is_string() && last["observed"].is_string());
}
