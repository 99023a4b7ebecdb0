use testkit::postgres::Cluster;

use crate::setup::{DEAD, Ledger, Shop, event};

#[tokio::test(flavor = "multi_thread")]
async fn while_a_dependency_is_away_its_partition_waits_and_others_flow() {
    let shop = Shop::open().await;
    let ledger = Ledger::default();
    ledger.set_away("a", true);
    let _consumer = shop.consumer(&ledger);
    // Keys of different partitions.
    for n in 0..5 {
        shop.publish_event(&event("a", n)).await;
        shop.publish_event(&event("b", n)).await;
    }
    shop.eventually_applied("b", &[0, 1, 2, 3, 4]).await;
    ledger.tried("a", 3).await;
    assert!(shop.applied("a").await.is_empty());
    ledger.set_away("a", false);
    shop.eventually_applied("a", &[0, 1, 2, 3, 4]).await;
    assert!(shop.records(DEAD).await.is_empty(), "an outage dead-letters nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_and_comes_back_costs_nothing() {
    let mut cluster = Cluster::start().await;
    let database = cluster.database().await;
    let shop = Shop::with(&database.url).await;
    let (_relay, _) = shop.relay();
    let _consumer = shop.consumer(&Ledger::default());
    for n in 0..10 {
        shop.commit("a", n).await;
    }
    shop.eventually_applied("a", &(0..10).collect::<Vec<_>>()).await;
    cluster.stop();
    for n in 10..15 {
        shop.publish_event(&event("a", n)).await;
    }
    cluster.restart().await;
    shop.eventually_applied("a", &(0..15).collect::<Vec<_>>()).await;
    shop.commit("a", 15).await;
    shop.eventually_applied("a", &(0..16).collect::<Vec<_>>()).await;
    assert!(shop.records(DEAD).await.is_empty(), "an outage dead-letters nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_restarts_is_found_again_by_relay_and_consumer() {
    let mut shop = Shop::open().await;
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

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_wait_for_the_broker() {
    let mut shop = Shop::open().await;
    let ledger = Ledger::default();
    ledger.set_away("a", true);
    let _consumer = shop.consumer(&ledger);
    shop.publish_event(&event("a", -1)).await;
    ledger.tried("a", 1).await;
    shop.broker.stop().await;
    ledger.set_away("a", false);
    // The letter has nowhere to go now.
    ledger.refused("a").await;
    shop.broker.restart().await;
    testkit::eventually(crate::setup::LONG, "the dead letter", async || {
        (!shop.records(DEAD).await.is_empty()).then_some(())
    })
    .await;
}
