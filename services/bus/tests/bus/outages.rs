use std::time::Duration;

use testkit::brokers::{Broker, Kind};
use testkit::cases;
use testkit::postgres::Cluster;
use testkit::trials::Case;
use tokio::time::interval;

use crate::setup::{Ledger, Shop, by_key};

pub(crate) const CASES: &[Case<Kind>] = cases![
    while_a_dependency_is_away_its_partition_waits_and_others_flow,
    a_database_that_goes_away_and_comes_back_costs_nothing,
    a_broker_that_restarts_is_found_again_by_relay_and_consumer,
    a_broker_that_hangs_for_longer_than_a_session_costs_nothing,
    dead_letters_wait_for_the_broker,
];

async fn while_a_dependency_is_away_its_partition_waits_and_others_flow(on: Kind) {
    let shop = Shop::open(on).await;
    let ledger = Ledger::default();
    ledger.set_away("a", true);
    let _consumer = shop.consumer(&ledger);
    // Keys of different partitions.
    for n in 0..5 {
        shop.publish_event(&shop.event("a", n)).await;
        shop.publish_event(&shop.event("b", n)).await;
    }
    shop.eventually_applied("b", &[0, 1, 2, 3, 4]).await;
    ledger.tried("a", 3).await;
    assert!(shop.applied("a").await.is_empty());
    ledger.set_away("a", false);
    shop.eventually_applied("a", &[0, 1, 2, 3, 4]).await;
    assert!(shop.records(&shop.dead).await.is_empty(), "an outage dead-letters nothing");
}

async fn a_database_that_goes_away_and_comes_back_costs_nothing(on: Kind) {
    let mut cluster = Cluster::start().await;
    let database = cluster.database().await;
    let shop = Shop::with(Broker::any(on).await, &database.url).await;
    let (_relay, _) = shop.relay();
    let _consumer = shop.consumer(&Ledger::default());
    for n in 0..10 {
        shop.commit("a", n).await;
    }
    shop.eventually_applied("a", &(0..10).collect::<Vec<_>>()).await;
    cluster.stop();
    for n in 10..15 {
        shop.publish_event(&shop.event("a", n)).await;
    }
    cluster.restart().await;
    shop.eventually_applied("a", &(0..15).collect::<Vec<_>>()).await;
    shop.commit("a", 15).await;
    shop.eventually_applied("a", &(0..16).collect::<Vec<_>>()).await;
    assert!(shop.records(&shop.dead).await.is_empty(), "an outage dead-letters nothing");
}

async fn a_broker_that_restarts_is_found_again_by_relay_and_consumer(on: Kind) {
    let mut shop = Shop::alone(on).await;
    let (_relay, wake) = shop.relay();
    let _consumer = shop.consumer(&Ledger::default());
    for round in 0..4 {
        for n in 0..10 {
            shop.commit("a", round * 10 + n).await;
            wake.wake();
        }
        shop.eventually_applied("a", &(0..(round + 1) * 10).collect::<Vec<_>>()).await;
        shop.broker.stop().await;
        shop.broker.restart().await;
    }
}

async fn a_broker_that_hangs_for_longer_than_a_session_costs_nothing(on: Kind) {
    // Longer than a member may be silent. BUS_HANGS=70 is longer than the client tries to send, too.
    let hangs: i32 = std::env::var("BUS_HANGS").map_or(8, |seconds| seconds.parse().expect("a number of seconds"));
    let mut shop = Shop::alone(on).await;
    let (_relay, wake) = shop.relay();
    let _consumer = shop.consumer(&Ledger::default());
    shop.commit("a", 0).await;
    wake.wake();
    shop.eventually_applied("a", &[0]).await;
    shop.broker.hangs().await;
    let mut second = interval(Duration::from_secs(1));
    for n in 1..=hangs {
        shop.commit("a", n).await;
        wake.wake();
        second.tick().await;
    }
    shop.broker.goes_on().await;
    shop.eventually_applied("a", &(0..=hangs).collect::<Vec<_>>()).await;
    let published = by_key(&shop.records(&shop.topic).await);
    assert_eq!(published["a"], (0..=i64::from(hangs)).collect::<Vec<_>>(), "none came before one that was given up");
}

async fn dead_letters_wait_for_the_broker(on: Kind) {
    let mut shop = Shop::alone(on).await;
    let ledger = Ledger::default();
    ledger.set_away("a", true);
    let _consumer = shop.consumer(&ledger);
    shop.publish_event(&shop.event("a", -1)).await;
    ledger.tried("a", 1).await;
    shop.broker.stop().await;
    ledger.set_away("a", false);
    // The letter has nowhere to go now.
    ledger.refused("a").await;
    shop.broker.restart().await;
    testkit::eventually(crate::setup::LONG, "the dead letter", async || {
        (!shop.records(&shop.dead).await.is_empty()).then_some(())
    })
    .await;
}
