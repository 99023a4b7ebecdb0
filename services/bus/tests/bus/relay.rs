use std::collections::HashSet;

use rdkafka::Message;
use testkit::brokers::{Kind, unique};
use testkit::cases;
use testkit::trials::Case;

use crate::setup::{LONG, Running, Shop, by_key, header};

pub(crate) const CASES: &[Case<Kind>] = cases![
    what_was_committed_is_published_with_its_headers,
    events_survive_an_outage_of_the_broker_in_order_for_each_key,
    two_relays_publish_each_event_once_and_in_order,
    a_relay_that_loses_its_connection_is_replaced_and_comes_back,
    what_was_committed_before_the_end_is_published_before_the_end,
    an_end_without_a_broker_is_bounded_and_loses_nothing,
    a_topic_that_does_not_exist_yet_is_waited_for,
];

async fn what_was_committed_is_published_with_its_headers(on: Kind) {
    let shop = Shop::open(on).await;
    let event = shop.commit("7", 1).await;
    let (_relay, _) = shop.relay();
    shop.published_all().await;
    let records = shop.records(&shop.topic).await;
    let [record] = &records[..] else { panic!("one record, not {}", records.len()) };
    assert_eq!(record.key(), Some(&b"7"[..]));
    assert_eq!(record.payload(), Some(&event.value[..]));
    assert_eq!(header(record, "ce_id"), Some(event.id.to_string()));
    assert_eq!(header(record, "ce_type").as_deref(), Some("counted"));
    assert_eq!(header(record, "ce_source").as_deref(), Some("test"));
    assert_eq!(header(record, "ce_specversion").as_deref(), Some("1.0"));
    assert!(header(record, "ce_time").is_some_and(|time| time.ends_with('Z')));
}

async fn events_survive_an_outage_of_the_broker_in_order_for_each_key(on: Kind) {
    let mut shop = Shop::alone(on).await;
    let (_relay, wake) = shop.relay();
    for n in 0..60 {
        if n == 20 {
            shop.published_all().await;
            shop.broker.stop().await;
        }
        if n == 40 {
            assert_eq!(shop.waiting().await, 80, "nothing is lost while the broker is away");
            shop.broker.restart().await;
        }
        for key in ["a", "b", "c", "d"] {
            shop.commit(key, n).await;
            wake.wake();
        }
    }
    shop.published_all().await;
    let keys = by_key(&shop.records(&shop.topic).await);
    assert_eq!(keys.len(), 4);
    for (key, numbers) in keys {
        assert_eq!(numbers, (0..60).collect::<Vec<_>>(), "{key}");
    }
}

async fn two_relays_publish_each_event_once_and_in_order(on: Kind) {
    let shop = Shop::open(on).await;
    let (_first, _) = shop.relay();
    let (_second, _) = shop.relay();
    let writers = ["a", "b", "c"].map(|key| async {
        for n in 0..50 {
            shop.commit(key, n).await;
        }
    });
    futures::future::join_all(writers).await;
    shop.published_all().await;
    let records = shop.records(&shop.topic).await;
    let ids: HashSet<_> = records.iter().map(|record| header(record, "ce_id")).collect();
    assert_eq!((records.len(), ids.len()), (150, 150));
    for (key, numbers) in by_key(&records) {
        assert_eq!(numbers, (0..50).collect::<Vec<_>>(), "{key}");
    }
}

async fn a_relay_that_loses_its_connection_is_replaced_and_comes_back(on: Kind) {
    let shop = Shop::open(on).await;
    let (first, _) = shop.relay();
    let (_second, _) = shop.relay();
    for n in 0..5 {
        shop.commit("a", n).await;
        shop.published_all().await;
        let holders = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks \
            WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let ended: i64 = sqlx::query_scalar(holders).fetch_one(&shop.pool).await.expect("terminated");
        assert_eq!(ended, 1, "one relay holds the lock");
    }
    first.end().await;
    shop.commit("a", 5).await;
    shop.published_all().await;
    assert_eq!(by_key(&shop.records(&shop.topic).await)["a"], (0..6).collect::<Vec<_>>());
}

async fn what_was_committed_before_the_end_is_published_before_the_end(on: Kind) {
    let shop = Shop::open(on).await;
    let (relay, _) = shop.relay();
    for n in 0..100 {
        shop.commit("a", n).await;
    }
    relay.end().await;
    assert_eq!(shop.waiting().await, 0);
    assert_eq!(by_key(&shop.records(&shop.topic).await)["a"], (0..100).collect::<Vec<_>>());
}

async fn an_end_without_a_broker_is_bounded_and_loses_nothing(on: Kind) {
    let mut shop = Shop::alone(on).await;
    shop.broker.stop().await;
    let (relay, _) = shop.relay();
    shop.commit("a", 1).await;
    tokio::time::timeout(LONG / 2, relay.end()).await.expect("bounded");
    assert_eq!(shop.waiting().await, 1);
    shop.broker.restart().await;
    let (_next, _): (Running, _) = shop.relay();
    shop.published_all().await;
    assert_eq!(by_key(&shop.records(&shop.topic).await)["a"], [1]);
}

async fn a_topic_that_does_not_exist_yet_is_waited_for(on: Kind) {
    let shop = Shop::open(on).await;
    let mut event = shop.event("a", 1);
    event.topic = unique("later");
    let mut connection = shop.pool.acquire().await.expect("a connection");
    bus::outbox::insert(&mut connection, &event).await.expect("inserted");
    let (_relay, _) = shop.relay();
    shop.broker.create(&[&event.topic]).await;
    shop.published_all().await;
}
