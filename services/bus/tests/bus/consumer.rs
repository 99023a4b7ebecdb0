use std::collections::HashSet;

use bus::Event;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::json;
use testkit::brokers::{Kind, unique};
use testkit::cases;
use testkit::trials::Case;

use crate::setup::{LONG, Ledger, PARTITIONS, Shop};

pub(crate) const CASES: &[Case<Kind>] = cases![
    an_event_that_stands_twice_in_a_topic_is_applied_once,
    from_outbox_to_inbox_everything_arrives_once_and_in_order,
    a_group_that_is_rewound_to_the_start_leaves_identical_tables,
    what_was_applied_is_committed_at_the_end,
    a_lane_that_fills_up_is_paused_and_goes_on_where_it_was,
    members_that_come_and_go_lose_nothing_and_double_nothing,
    a_topic_that_comes_into_being_later_is_consumed,
    two_groups_each_get_everything,
    a_handler_that_never_ends_does_not_keep_the_process,
    what_waits_is_applied_together_in_order_and_poison_among_it_costs_only_itself,
];

async fn an_event_that_stands_twice_in_a_topic_is_applied_once(on: Kind) {
    let shop = Shop::open(on).await;
    let _consumer = shop.consumer(&Ledger::default());
    let (first, second) = (shop.event("a", 1), shop.event("a", 2));
    for event in [&first, &first, &second, &first, &second] {
        shop.publish_event(event).await;
    }
    shop.publish_event(&shop.event("a", 3)).await;
    shop.eventually_applied("a", &[1, 2, 3]).await;
}

async fn from_outbox_to_inbox_everything_arrives_once_and_in_order(on: Kind) {
    let shop = Shop::open(on).await;
    let (_relay, wake) = shop.relay();
    let _consumer = shop.consumer(&Ledger::default());
    for n in 0..50 {
        for key in ["a", "b", "c", "d", "e"] {
            shop.commit(key, n).await;
        }
        wake.wake();
    }
    for key in ["a", "b", "c", "d", "e"] {
        shop.eventually_applied(key, &(0..50).collect::<Vec<_>>()).await;
    }
}

async fn a_group_that_is_rewound_to_the_start_leaves_identical_tables(on: Kind) {
    let shop = Shop::open(on).await;
    let consumer = shop.consumer(&Ledger::default());
    for n in 0..20 {
        for key in ["a", "b", "c", "d"] {
            shop.publish_event(&shop.event(key, n)).await;
        }
    }
    // Without headers, so that its id is made of where it stands.
    shop.publish(Some("e"), Some(br#"{"type": "counted", "data": {"n": 1}}"#), &[]).await;
    shop.eventually_applied("d", &(0..20).collect::<Vec<_>>()).await;
    shop.eventually_applied("e", &[1]).await;
    consumer.end().await;
    let before = shop.effects().await;

    let (observer, topic) = (shop.observer(), shop.topic.clone());
    let rewind = move || {
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            list.add_partition_offset(&topic, partition, Offset::Offset(0)).expect("an offset");
        }
        observer.commit(&list, CommitMode::Sync).expect("committed");
    };
    tokio::task::spawn_blocking(rewind).await.expect("no panic");
    assert_eq!(shop.committed().await, [0, 0, 0]);

    let _again = shop.consumer(&Ledger::default());
    for key in ["a", "b", "c", "d", "e"] {
        shop.publish_event(&shop.event(key, 99)).await;
    }
    testkit::eventually(LONG, "the group has read to the end", async || {
        let new = shop.effects().await.into_iter().filter(|(_, n)| *n == 99).count();
        (new == 5).then_some(())
    })
    .await;
    let after: Vec<_> = shop.effects().await.into_iter().filter(|(_, n)| *n != 99).collect();
    assert_eq!(after, before);
}

async fn what_was_applied_is_committed_at_the_end(on: Kind) {
    let shop = Shop::open(on).await;
    let consumer = shop.consumer(&Ledger::default());
    for n in 0..10 {
        shop.publish_event(&shop.event("a", n)).await;
    }
    shop.eventually_applied("a", &(0..10).collect::<Vec<_>>()).await;
    consumer.end().await;
    assert_eq!(shop.committed().await.into_iter().filter(|offset| *offset >= 0).sum::<i64>(), 10);
}

async fn a_lane_that_fills_up_is_paused_and_goes_on_where_it_was(on: Kind) {
    let shop = Shop::open(on).await;
    let ledger = Ledger::default();
    ledger.set_away("a", true);
    let _consumer = shop.consumer(&ledger);
    let (_relay, wake) = shop.relay();
    let mut transaction = shop.pool.begin().await.expect("begun");
    for n in 0..1500 {
        let event = shop.event(if n % 50 == 49 { "b" } else { "a" }, n);
        bus::outbox::insert(&mut transaction, &event).await.expect("inserted");
    }
    transaction.commit().await.expect("committed");
    wake.wake();
    shop.published_all().await;
    ledger.tried("a", 3).await;
    ledger.set_away("a", false);
    shop.eventually_applied("a", &(0..1500).filter(|n| n % 50 != 49).collect::<Vec<_>>()).await;
    shop.eventually_applied("b", &(0..1500).filter(|n| n % 50 == 49).collect::<Vec<_>>()).await;
}

async fn members_that_come_and_go_lose_nothing_and_double_nothing(on: Kind) {
    let shop = Shop::open(on).await;
    let (_relay, _) = shop.relay();
    let keys: Vec<String> = (0..12).map(|key| key.to_string()).collect();
    let mut published = 0;
    let mut round = async || {
        for key in &keys {
            shop.commit(key, published).await;
        }
        published += 1;
        published
    };
    let first = shop.consumer(&Ledger::default());
    round().await;
    shop.eventually_applied("0", &[0]).await;

    let theirs = Ledger::default();
    let second = shop.consumer(&theirs);
    testkit::eventually(LONG, "the second member has a share", async || {
        round().await;
        theirs.attempts.lock().expect("no panic").values().any(|tried| *tried > 0).then_some(())
    })
    .await;
    second.kill();
    let rounds = round().await;
    for key in &keys {
        shop.eventually_applied(key, &(0..rounds).collect::<Vec<_>>()).await;
    }
    first.end().await;
    assert_eq!(shop.committed().await.into_iter().sum::<i64>(), i64::from(rounds) * 12);
}

async fn a_topic_that_comes_into_being_later_is_consumed(on: Kind) {
    let shop = Shop::open(on).await;
    let later = unique("later");
    let _consumer = shop.consumer_of(&shop.group, &later, &Ledger::default());
    shop.broker.create(&[&later]).await;
    let event = Event::new(&later, "test", "a", "counted", &json!({"n": 1})).expect("JSON");
    let mut connection = shop.pool.acquire().await.expect("a connection");
    bus::outbox::insert(&mut connection, &event).await.expect("inserted");
    let (_relay, _) = shop.relay();
    shop.eventually_applied("a", &[1]).await;
}

async fn two_groups_each_get_everything(on: Kind) {
    let shop = Shop::open(on).await;
    let other = unique("other");
    let _consumers = [&shop.group, &other].map(|group| shop.consumer_of(group, &shop.topic, &Ledger::default()));
    shop.publish_event(&shop.event("a", 1)).await;
    shop.eventually_applied("a", &[1, 1]).await;
    let groups: Vec<String> =
        sqlx::query_scalar("SELECT consumer FROM inbox").fetch_all(&shop.pool).await.expect("read");
    assert_eq!(groups.iter().map(String::as_str).collect::<HashSet<_>>(), HashSet::from([&*shop.group, &*other]));
}

async fn a_handler_that_never_ends_does_not_keep_the_process(on: Kind) {
    let shop = Shop::open(on).await;
    let ledger = Ledger::default();
    ledger.set_away("a", true);
    let consumer = shop.consumer(&ledger);
    shop.publish_event(&shop.event("a", 1)).await;
    ledger.tried("a", 2).await;
    tokio::time::timeout(LONG, consumer.end()).await.expect("bounded");
    assert!(shop.effects().await.is_empty());
    ledger.set_away("a", false);
    let _next = shop.consumer(&ledger);
    shop.eventually_applied("a", &[1]).await;
}

async fn what_waits_is_applied_together_in_order_and_poison_among_it_costs_only_itself(on: Kind) {
    const MANY: i32 = 200;
    let shop = Shop::open(on).await;
    let (_relay, _) = shop.relay();
    shop.commit("a", -1).await;
    for n in 0..MANY {
        shop.commit("a", n).await;
    }
    shop.published_all().await;
    let _consumer = shop.consumer(&Ledger::default());
    shop.eventually_applied("a", &(0..MANY).collect::<Vec<_>>()).await;
    assert_eq!(shop.records(&shop.dead).await.len(), 1);
    let transactions: i64 =
        sqlx::query_scalar("SELECT count(DISTINCT xmin::text) FROM inbox").fetch_one(&shop.pool).await.expect("read");
    assert!(transactions < i64::from(MANY), "each had a transaction of its own");
}
