//! The broker is killed and stays away for a while.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{
    client::{Client, Outcome},
    ledger,
    load::{Crowd, agrees},
    part::{Database, Part},
    site,
};
use crate::promise::{figure, limit};
use testkit::eventually;

const CUSTOMERS: u32 = 8;
/// From the broker's return to the last event in the topics.
const PROMISED: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_is_accepted_without_a_broker_and_told_within_five_seconds_of_its_return() {
    let orders = u32::try_from(figure("ATTACK_ORDERS", 500, 120)).expect("a number of orders");
    let outage = Duration::from_secs(figure("ATTACK_BROKER_AWAY", 60, 5));
    let mut site = site::exclusive().await;
    let site = site.as_mut().expect("it was booted");
    let client = Client::of(site).await;
    ledger::quiet(site).await;
    site.kill(Part::Broker);
    let away = Instant::now();

    let customers = Crowd::of((0..CUSTOMERS).map(|_| client.clone()), async move |client: Client| {
        let mut bought = Vec::new();
        let each = orders.div_ceil(CUSTOMERS);
        for n in 0..each {
            // All through the outage.
            let turn = outage.mul_f64(f64::from(n) / f64::from(each));
            eventually(outage + LIMIT, "its turn", async || (away.elapsed() >= turn).then_some(())).await;
            // Nobody has to try twice.
            let order = client.order(&Uuid::new_v4().to_string()).await.expect("it is accepted");
            // The other half stays as it is.
            let outcome = if n % 2 == 0 { client.finish(order, n as usize / 2).await } else { Outcome::Open };
            bought.push((order, outcome));
        }
        bought
    });
    let bought: BTreeMap<_, _> = customers.all().await.into_iter().collect();
    eventually(outage + LIMIT, "the outage", async || (away.elapsed() >= outage).then_some(())).await;
    let waiting = "SELECT count(DISTINCT key) FROM outbox";
    assert_eq!(usize::try_from(ledger::count(site, Database::Order, waiting).await), Ok(bought.len()));

    site.start(Part::Broker).await;
    let back = Instant::now();
    eventually(LIMIT, "all events are published", async || {
        (ledger::count(site, Database::Order, waiting).await == 0).then_some(())
    })
    .await;
    let told = back.elapsed();
    eprintln!("{} orders in {:?} without a broker, told {told:?} after its return", bought.len(), back - away);
    assert!(told < limit(PROMISED, LIMIT), "they were told {told:?} after its return");
    agrees(&bought, &ledger::holds(site).await);
}
