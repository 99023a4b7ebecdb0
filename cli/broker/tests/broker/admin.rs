//! Topics, configurations and groups through librdkafka's admin client.

use rdkafka::admin::{AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::Consumer;
use rdkafka::types::RDKafkaErrorCode;

use crate::support::{DEADLINE, start, take};

#[tokio::test(flavor = "multi_thread")]
async fn creating_a_topic_is_refused_as_kafka_refuses_it() {
    let broker = start().await;
    let admin = broker.admin();
    let create = async |name: &str, partitions: i32, replicas: i32, config: Option<(&str, &str)>| {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replicas));
        if let Some((name, value)) = config {
            topic = topic.set(name, value);
        }
        let created = admin.create_topics([&topic], &AdminOptions::new()).await.expect("an answer");
        created.into_iter().next().expect("one result").map_err(|(_, error)| error)
    };
    assert_eq!(create("good", 3, 1, Some(("retention.ms", "-1"))).await, Ok("good".to_owned()));
    assert_eq!(create("good", 3, 1, None).await, Err(RDKafkaErrorCode::TopicAlreadyExists));
    assert_eq!(create("replicated", 3, 2, None).await, Err(RDKafkaErrorCode::InvalidReplicationFactor));
    assert_eq!(create("bad name", 1, 1, None).await, Err(RDKafkaErrorCode::InvalidTopic));
    assert_eq!(create("one.two_three", 1, 1, None).await, Ok("one.two_three".to_owned()));
    assert_eq!(create("one_two.three", 1, 1, None).await, Err(RDKafkaErrorCode::InvalidTopic), "names that collide");
    assert_eq!(create("huge", 99_999, 1, None).await, Err(RDKafkaErrorCode::InvalidPartitions));
    assert_eq!(create("odd", 1, 1, Some(("no.such", "1"))).await, Err(RDKafkaErrorCode::InvalidConfig));
    assert_eq!(create("odd", 1, 1, Some(("cleanup.policy", "compact"))).await, Err(RDKafkaErrorCode::InvalidConfig));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_grows_and_goes_and_its_name_is_free_again() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    let admin = broker.admin();
    let options = AdminOptions::new();
    let grown = admin.create_partitions(&[NewPartitions::new("orders", 4)], &options).await.expect("an answer");
    assert_eq!(grown, [Ok("orders".to_owned())]);
    let shrunk = admin.create_partitions(&[NewPartitions::new("orders", 2)], &options).await.expect("an answer");
    assert_eq!(shrunk, [Err(("orders".to_owned(), RDKafkaErrorCode::InvalidPartitions))]);

    let broker = broker.restart().await;
    let consumer = broker.consumer("any");
    let metadata = consumer.fetch_metadata(Some("orders"), DEADLINE).expect("metadata");
    assert_eq!(metadata.topics()[0].partitions().len(), 4);
    broker.send(&broker.producer(), "orders", "key", "old").await;

    let admin = broker.admin();
    let deleted = admin.delete_topics(&["orders"], &AdminOptions::new()).await.expect("an answer");
    assert_eq!(deleted, [Ok("orders".to_owned())]);
    broker.topic("orders", 1).await;
    let watermarks = consumer.fetch_watermarks("orders", 0, DEADLINE).expect("watermarks");
    assert_eq!(watermarks, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn configurations_are_told_changed_and_kept() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    let resource = ResourceSpecifier::Topic("orders");
    let alter = AlterConfig::new(resource).set("retention.ms", "-1");
    let altered = broker.admin().alter_configs([&alter], &AdminOptions::new()).await.expect("an answer");
    assert!(altered.iter().all(Result::is_ok), "{altered:?}");

    let broker = broker.restart().await;
    let described = broker.admin().describe_configs([&resource], &AdminOptions::new()).await.expect("an answer");
    let described = described.into_iter().next().expect("one").expect("described");
    let entries = described.entry_map();
    assert_eq!(entries["retention.ms"].value.as_deref(), Some("-1"));
    assert!(!entries["retention.ms"].is_default);
    assert_eq!(entries["cleanup.policy"].value.as_deref(), Some("delete"));
    assert!(entries["cleanup.policy"].is_default);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_listed_and_deleted_only_when_it_is_empty() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    broker.send(&broker.producer(), "orders", "key", "value").await;
    let consumer = broker.consumer("readers");
    consumer.subscribe(&["orders"]).expect("subscribed");
    take(&consumer, 1).await;
    consumer.commit_consumer_state(rdkafka::consumer::CommitMode::Sync).expect("committed");

    let group = || {
        let list = consumer.fetch_group_list(Some("readers"), DEADLINE).expect("groups");
        let group = &list.groups()[0];
        (group.state().to_owned(), group.members().len())
    };
    assert_eq!(group(), ("Stable".to_owned(), 1));
    let admin = broker.admin();
    let delete = async || {
        let deleted = admin.delete_groups(&["readers"], &AdminOptions::new()).await.expect("an answer");
        deleted.into_iter().next().expect("one").map_err(|(_, error)| error)
    };
    assert_eq!(delete().await, Err(RDKafkaErrorCode::NonEmptyGroup));
    consumer.unsubscribe();
    crate::support::eventually("the group is empty", || {
        let deleted = delete();
        async { deleted.await.ok() }
    })
    .await;
}
