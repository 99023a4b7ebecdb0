use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _, StreamConsumer},
};
use shopctl_kafka::{Error, Observer, feed::Topics, lag::Group, stats};
use testkit::{
    brokers::{Broker, Kind, unique},
    cases, eventually,
    trials::Case,
};

use crate::setup::{DEADLINE, event, send, send_at, with_topics};

pub(crate) const CASES: &[Case<Kind>] = cases![
    a_group_is_behind_by_what_comes_after_its_committed_offsets,
    a_member_that_has_committed_nothing_is_behind_by_everything,
    what_stands_in_a_topic_is_counted_and_measured,
    a_topic_that_is_not_there_is_named,
    all_topics_are_listed_but_the_brokers_own,
];

async fn group(observer: &Observer, name: &str) -> Option<Group> {
    observer.lag().await.expect("it answers").into_iter().find(|group| group.name == name)
}

fn config(broker: &Broker, group: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.brokers()).set("group.id", group).set("client.id", "reader");
    config.set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
    config
}

async fn a_group_is_behind_by_what_comes_after_its_committed_offsets(on: Kind) {
    let broker = Broker::any(on).await;
    let [topic] = with_topics(&broker).await;
    for _ in 0..5 {
        send_at(&broker, &topic, 1, 1000, "k").await;
    }
    let name = unique("group");
    let (config, to) = (config(&broker, &name), topic.clone());
    let commit = move || {
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(&to, 1, Offset::Offset(2)).expect("an offset");
        consumer.commit(&offsets, CommitMode::Sync).expect("it is committed");
    };
    tokio::task::spawn_blocking(commit).await.expect("it does not panic");
    let observer = Observer::new(&broker.brokers()).expect("a client");
    for (more, lag) in [(0, 3), (2, 5)] {
        for _ in 0..more {
            send_at(&broker, &topic, 1, 1000, "k").await;
        }
        let group = group(&observer, &name).await.expect("it is listed");
        assert_eq!((group.lag(), group.members), (lag, 0), "{group:?}");
        let [part] = &group.partitions[..] else { panic!("one partition: {group:?}") };
        assert_eq!((part.topic.as_str(), part.partition), (topic.as_str(), 1));
        assert_eq!((part.committed, part.end, &part.client), (Some(2), 5 + more, &None));
    }
}

async fn a_member_that_has_committed_nothing_is_behind_by_everything(on: Kind) {
    let broker = Broker::any(on).await;
    let [topic] = with_topics(&broker).await;
    for key in ["1", "2", "3", "4"] {
        send(&broker, &topic, key, None, &event("order_created")).await;
    }
    let name = unique("group");
    let consumer: StreamConsumer = config(&broker, &name).create().expect("a consumer");
    consumer.subscribe(&[&topic]).expect("it subscribes");
    tokio::time::timeout(DEADLINE, consumer.recv()).await.expect("in time").expect("it reads");
    let observer = Observer::new(&broker.brokers()).expect("a client");
    let group = eventually(DEADLINE, "the group is told of with its member", async || {
        group(&observer, &name).await.filter(|group| group.partitions.len() == 3)
    })
    .await;
    assert_eq!((group.lag(), group.members, group.state.as_str()), (4, 1, "Stable"), "{group:?}");
    assert!(group.partitions.iter().all(|part| part.committed.is_none() && part.client.as_deref() == Some("reader")));
}

async fn what_stands_in_a_topic_is_counted_and_measured(on: Kind) {
    let broker = Broker::any(on).await;
    let [topic] = with_topics(&broker).await;
    for _ in 0..3 {
        // Long ago.
        send_at(&broker, &topic, 2, 1000, "key").await;
    }
    send(&broker, &topic, "key", Some("id"), b"1234567").await;
    let observer = Observer::new(&broker.brokers()).expect("a client");
    let found = observer.stats(std::slice::from_ref(&topic)).await.expect("it answers");
    assert_eq!(found.iter().map(|part| part.partition).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(found.iter().map(stats::Partition::count).sum::<i64>(), 4);
    assert_eq!(found.iter().map(|part| part.recent).sum::<i64>(), 1);
    let measured = stats::measure(&broker.brokers(), Topics::Only(vec![topic])).await.expect("it can be read");
    assert_eq!(measured.values().map(|part| part.records).sum::<u64>(), 4);
    let old = 3 * ("key".len() + event("order_created").len());
    let new = "key".len() + "1234567".len() + "ce_id".len() + "id".len();
    assert_eq!(measured.values().map(|part| part.bytes).sum::<u64>(), (old + new) as u64);
    assert!(measured.values().filter_map(|part| part.newest).max() > Some(1000));
}

async fn a_topic_that_is_not_there_is_named(on: Kind) {
    let broker = Broker::any(on).await;
    let observer = Observer::new(&broker.brokers()).expect("a client");
    let error = observer.stats(&["nothing".to_owned()]).await.expect_err("there is none");
    assert!(matches!(&error, Error::NoTopic(topic) if topic == "nothing"), "{error}");
}

async fn all_topics_are_listed_but_the_brokers_own(on: Kind) {
    let broker = Broker::any(on).await;
    let [topic] = with_topics(&broker).await;
    let topics = Observer::new(&broker.brokers()).expect("a client").topics().await.expect("it answers");
    assert!(topics.contains(&topic) && topics.iter().all(|topic| !topic.starts_with("__")), "{topics:?}");
    assert!(topics.is_sorted_by(|a, b| a < b), "{topics:?}");
}
