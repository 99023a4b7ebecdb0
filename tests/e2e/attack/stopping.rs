//! Services that are stopped in an orderly way while everybody calls them.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use reqwest::StatusCode;
use shopctl_kafka::{Tail, tail::Start, topics::PRODUCT_EVENTS};
use testkit::{eventually, is_unsent};
use tonic::{Code, Status};
use uuid::Uuid;

use super::{client::Client, ledger, load::Crowd, part::Part, site};
use crate::{promise, shop::SETTLED};

const CUSTOMERS: usize = 12;
/// Calls that are answered between two stops.
const CALLS: usize = 150;
/// Calls a second that are answered meanwhile.
const PROMISED: f64 = 200.0;

/// What one round of calls left behind.
struct Made {
    order: u64,
    at_gateway: u64,
    product: String,
}

/// As a client does that tries again on UNAVAILABLE, and on nothing else.
async fn grpc<T>(what: &str, mut call: impl AsyncFnMut() -> Result<T, Status>) -> Result<T, String> {
    let answer = eventually(SETTLED, what, async || match call().await {
        Err(status) if status.code() == Code::Unavailable || is_unsent(&status) => None,
        answer => Some(answer),
    });
    answer.await.map_err(|status| format!("{what}: {status:?}"))
}

/// The same for 503 and for a connection that is refused.
async fn http<T>(what: &str, mut call: impl AsyncFnMut() -> reqwest::Result<Option<T>>) -> Result<T, String> {
    let answer = eventually(SETTLED, what, async || match call().await {
        Err(error) if error.is_connect() => None,
        answer => answer.transpose(),
    });
    answer.await.map_err(|error| format!("{what}: {error:?}"))
}

/// One of each call, each of which counts.
async fn round(client: &Client, calls: &AtomicUsize) -> Result<Made, String> {
    let count = || calls.fetch_add(1, Ordering::Relaxed);
    let key = Uuid::new_v4().to_string();
    let order = grpc("an order", async || client.order(&key).await).await?;
    count();
    grpc("a session", async || client.check_out(order).await).await?;
    count();
    let read = async || {
        let status = client.read_product().await?;
        Ok((status != StatusCode::SERVICE_UNAVAILABLE).then_some(status))
    };
    let status = http("a product", read).await?;
    if status != StatusCode::OK {
        return Err(format!("a product: {status}"));
    }
    count();
    grpc("recommendations", async || client.recommend().await).await?;
    count();
    let key = Uuid::new_v4().to_string();
    let order_at_gateway = async || {
        let answer = client.try_at_gateway(&key).await?;
        Ok(Some(answer).filter(|answer| answer.as_ref().err().is_none_or(|code| code != "UNAVAILABLE")))
    };
    let at_gateway = http("an order at the gateway", order_at_gateway).await?;
    let at_gateway = at_gateway.map_err(|code| format!("an order at the gateway: {code}"))?;
    count();
    let product = http("a new product", async || client.create_product().await).await?;
    count();
    Ok(Made { order, at_gateway, product })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_told_to_end_under_load_fails_no_call_and_leaves_nothing_half_done() {
    let mut site = site::exclusive().await;
    let site = site.as_mut().expect("it was booted");
    let client = Client::of(site).await;
    let (ended, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (end, count) = (ended.clone(), calls.clone());
    let crowd = Crowd::of(std::iter::repeat_n(client.clone(), CUSTOMERS), async move |client: Client| {
        let mut rounds = Vec::new();
        while !end.load(Ordering::Relaxed) {
            rounds.push(round(&client, &count).await);
        }
        rounds
    });
    let answered = async |more| {
        let goal = calls.load(Ordering::Relaxed) + more;
        eventually(SETTLED, "calls", async || (calls.load(Ordering::Relaxed) >= goal).then_some(())).await;
    };
    answered(CALLS).await;
    let (began, before) = (Instant::now(), calls.load(Ordering::Relaxed));
    for part in [Part::Order, Part::Payment, Part::Product, Part::Recommender, Part::Gateway] {
        site.terminate(part).await;
        site.start(part).await;
        answered(CALLS).await;
    }
    let rate = (calls.load(Ordering::Relaxed) - before) as f64 / began.elapsed().as_secs_f64();
    eprintln!("{rate:.0} calls a second while five services were stopped and started again");
    assert!(rate >= promise::rate(PROMISED), "{rate:.0} calls a second are no load");
    ended.store(true, Ordering::Relaxed);
    let rounds = crowd.all().await;

    let failed: Vec<&String> = rounds.iter().filter_map(|round| round.as_ref().err()).collect();
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), calls.load(Ordering::Relaxed));
    let made: Vec<Made> = rounds.into_iter().flatten().collect();
    ledger::holds(site).await;
    let ids = |ids: &mut dyn Iterator<Item = u64>| -> BTreeSet<i64> { ids.flat_map(i64::try_from).collect() };
    let ordered = ids(&mut made.iter().flat_map(|made| [made.order, made.at_gateway]));
    assert_eq!(ledger::orders_of(site, client.account).await, ordered, "one order for each call");
    let to_pay = ids(&mut made.iter().map(|made| made.order));
    assert_eq!(ledger::sessions_of(site, client.account).await, to_pay, "one session for each call");
    let tail = Tail::open(&site.brokers(), &[PRODUCT_EVENTS], Start::Earliest).await;
    let events = tail.expect("it can be read").rest().await.expect("it can be read");
    let created = events.iter().filter(|event| event.data["account_id"] == client.account);
    let created: BTreeSet<&str> = created.filter_map(|event| event.key.as_deref()).collect();
    let asked: BTreeSet<&str> =
        made.iter().map(|made| made.product.as_str()).chain([client.product.as_str()]).collect();
    assert_eq!(created, asked, "one product for each call");
}
