//! Nobody knows what anything costs.

use std::time::{Duration, Instant};

use testkit::eventually;
use tonic::Code;
use uuid::Uuid;

use super::{
    client::Client,
    ledger,
    part::{Database, Part},
    site,
};
use crate::{promise::limit, shop::SETTLED};

/// Until the answer.
const PROMISED: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(20);
const TRIES: usize = 5;

async fn is_unavailable(client: &Client, why: &str) {
    for _ in 0..TRIES {
        let asked = Instant::now();
        let refused = client.order(&Uuid::new_v4().to_string()).await.expect_err("nobody knows the price");
        let took = asked.elapsed();
        assert_eq!(refused.code(), Code::Unavailable, "{why}: {refused:?}");
        assert!(took < limit(PROMISED, LIMIT), "{why}: it took {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_product_is_dead_or_silent_orders_are_unavailable_within_two_seconds_and_nothing_is_written() {
    let mut site = site::exclusive().await;
    let site = site.as_mut().expect("it was booted");
    let client = Client::of(site).await;
    ledger::quiet(site).await;
    let written = "SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM order_lines) \
                   + (SELECT count(*) FROM idempotency_keys) + (SELECT count(*) FROM outbox)";
    let before = ledger::count(site, Database::Order, written).await;

    site.pause(Part::Product);
    is_unavailable(&client, "silent").await;
    site.resume(Part::Product);
    site.kill(Part::Product);
    is_unavailable(&client, "dead").await;
    assert_eq!(ledger::count(site, Database::Order, written).await, before);

    site.start(Part::Product).await;
    let sells = async || client.order(&Uuid::new_v4().to_string()).await.ok();
    eventually(SETTLED, "the shop sells again", sells).await;
    ledger::holds(site).await;
}
