use std::collections::HashSet;

use rdkafka::Message;

use crate::setup::{LONG, Running, Shop, TOPIC, by_key, header};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_published_with_its_headers() {
    let shop = Shop::open().await;
    let event = shop.commit("7", 1).await;
    let (_relay, _) = shop.relay();
    shop.published_all().await;
    let records = shop.records(TOPIC).await;
    let [record] = &records[..] else { panic!("one record, not {}", records.len()) };
    assert_eq!(record.key(), Some(&b"7"[..]));
    assert_eq!(record.payload(), Some(&event.value[..]));
    assert_eq!(header(record, "ce_id"), Some(event.id.to_string()));
    assert_eq!(header(record, "ce_type").as_deref(), Some("counted"));
    assert_eq!(header(record, "ce_source").as_deref(), Some("test"));
    assert_eq!(header(record, "ce_specversion").as_deref(), Some("1.0"));
    assert!(header(record, "ce_time").is_some_and(|time| time.ends_with('Z')));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_survive_an_outage_of_the_broker_in_order_for_each_key() {
    let mut shop = Shop::open().await;
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
    let keys = by_key(&shop.records(TOPIC).await);
    assert_eq!(keys.len(), 4);
    for (key, numbers) in keys {
        assert_eq!(numbers, (0..60).collect::<Vec<_>>(), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_relays_publish_each_event_once_and_in_order() {
    let shop = Shop::open().await;
    let (_first, _) = shop.relay();
    let (_second, _) = shop.relay();
    let writers = ["a", "b", "c"].map(|key| async {
        for n in 0..50 {
            shop.commit(key, n).await;
        }
    });
    futures::future::join_all(writers).await;
    shop.published_all().await;
    let records = shop.records(TOPIC).await;
    let ids: HashSet<_> = records.iter().map(|record| header(record, "ce_id")).collect();
    assert_eq!((records.len(), ids.len()), (150, 150));
    for (key, numbers) in by_key(&records) {
        assert_eq!(numbers, (0..50).collect::<Vec<_>>(), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_loses_its_connection_is_replaced_and_comes_back() {
    let shop = Shop::open().await;
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
    assert_eq!(by_key(&shop.records(TOPIC).await)["a"], (0..6).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_before_the_end_is_published_before_the_end() {
    let shop = Shop::open().await;
    let (relay, _) = shop.relay();
    for n in 0..100 {
        shop.commit("a", n).await;
    }
    relay.end().await;
    assert_eq!(shop.waiting().await, 0);
    assert_eq!(by_key(&shop.records(TOPIC).await)["a"], (0..100).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_without_a_broker_is_bounded_and_loses_nothing() {
    let mut shop = Shop::open().await;
    shop.broker.stop().await;
    let (relay, _) = shop.relay();
    shop.commit("a", 1).await;
    tokio::time::timeout(LONG / 2, relay.end()).await.expect("bounded");
    assert_eq!(shop.waiting().await, 1);
    shop.broker.restart().await;
    let (_next, _): (Running, _) = shop.relay();
    shop.published_all().await;
    assert_eq!(by_key(&shop.records(TOPIC).await)["a"], [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_does_not_exist_yet_is_waited_for() {
    use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
    use rdkafka::client::DefaultClientContext;

    let shop = Shop::open().await;
    let mut event = crate::setup::event("a", 1);
    event.topic = "later".to_owned();
    let mut connection = shop.pool.acquire().await.expect("a connection");
    bus::outbox::insert(&mut connection, &event).await.expect("inserted");
    let (_relay, _) = shop.relay();
    let admin: AdminClient<DefaultClientContext> = shop.client().create().expect("a client");
    let topic = NewTopic::new("later", 1, TopicReplication::Fixed(1));
    let results = admin.create_topics([&topic], &AdminOptions::new()).await.expect("answered");
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    shop.published_all().await;
}
