//! Consumer groups through librdkafka: members that come, go and stay.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, GroupId, OffsetDeleteRequest, ResponseKind, TopicName, offset_delete_request};
use kafka_protocol::protocol::StrBytes;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::{Message, Offset, TopicPartitionList};
use tokio::task::JoinHandle;

use crate::support::{DEADLINE, Running, eventually, start, take};
use crate::wire::Wire;

type Seen = Arc<Mutex<BTreeMap<(i32, i64), usize>>>;

fn joins(broker: &Running, strategy: &str, instance: Option<&str>) -> Arc<StreamConsumer> {
    let mut config = broker.client();
    config.set("partition.assignment.strategy", strategy);
    if let Some(instance) = instance {
        config.set("group.instance.id", instance);
    }
    let consumer = crate::support::consumer(config, "workers");
    consumer.subscribe(&["work"]).expect("subscribed");
    Arc::new(consumer)
}

/// Consumes and commits until it is aborted.
fn works(consumer: &Arc<StreamConsumer>, seen: &Seen) -> JoinHandle<()> {
    let (consumer, seen) = (Arc::clone(consumer), Arc::clone(seen));
    tokio::spawn(async move {
        loop {
            let Ok(message) = consumer.recv().await else {
                // Errors come without waiting: others must have their turn.
                tokio::task::yield_now().await;
                continue;
            };
            *seen.lock().expect("a lock").entry((message.partition(), message.offset())).or_default() += 1;
            // A commit that a rebalance refuses is a message that comes again.
            consumer.commit_message(&message, CommitMode::Async).ok();
        }
    })
}

/// Ends the work; whoever drops the consumer next closes it, while the broker is still there to answer.
async fn rest(work: JoinHandle<()>) {
    work.abort();
    work.await.ok();
}

fn held(consumer: &StreamConsumer) -> usize {
    consumer.assignment().map_or(0, |assignment| assignment.count())
}

async fn nothing_is_lost_while_members_come_and_go(strategy: &str) {
    let broker = start().await;
    broker.topic("work", 6).await;
    let producer = broker.producer();
    let seen = Seen::default();
    let mut places = Vec::new();
    let mut send = async |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let key = number.to_string();
            places.push(broker.send(&producer, "work", &key, &key).await);
        }
    };
    let first = joins(&broker, strategy, None);
    let first_works = works(&first, &seen);
    eventually("the first has all", async || (held(&first) == 6).then_some(())).await;
    send(0..300).await;
    let second = joins(&broker, strategy, None);
    let second_works = works(&second, &seen);
    let third = joins(&broker, strategy, None);
    let third_works = works(&third, &seen);
    send(300..600).await;
    eventually("each has two", async || {
        [&first, &second, &third].iter().all(|consumer| held(consumer) == 2).then_some(())
    })
    .await;
    send(600..900).await;
    first.unsubscribe();
    eventually("the others have three", async || {
        [&second, &third].iter().all(|consumer| held(consumer) == 3).then_some(())
    })
    .await;
    send(900..1000).await;
    eventually("all is seen", async || {
        let seen = seen.lock().expect("a lock");
        places.iter().all(|place| seen.contains_key(place)).then_some(())
    })
    .await;
    for work in [first_works, second_works, third_works] {
        rest(work).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_members_come_and_go_eagerly() {
    nothing_is_lost_while_members_come_and_go("range").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_members_come_and_go_cooperatively() {
    nothing_is_lost_while_members_come_and_go("cooperative-sticky").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_comes_back_to_its_partitions_without_a_rebalance() {
    let broker = start().await;
    broker.topic("work", 2).await;
    let seen = Seen::default();
    let one = joins(&broker, "range", Some("one"));
    let one_works = works(&one, &seen);
    let two = joins(&broker, "range", Some("two"));
    let two_works = works(&two, &seen);
    eventually("each has one", async || (held(&one) == 1 && held(&two) == 1).then_some(())).await;
    let generation = || {
        let list = two.fetch_group_list(Some("workers"), Duration::from_secs(10)).expect("groups");
        let mut members = list.groups()[0].members().iter().map(|member| member.id().to_owned()).collect::<Vec<_>>();
        members.sort();
        (list.groups()[0].state().to_owned(), members)
    };
    let before = generation();
    let partitions = |consumer: &StreamConsumer| {
        let assignment = consumer.assignment().expect("an assignment");
        assignment.elements().iter().map(|element| element.partition()).collect::<Vec<_>>()
    };
    let kept = partitions(&one);
    rest(one_works).await;
    // A static member that closes does not leave: it is expected back within its session.
    drop(one);
    assert_eq!(generation(), before);
    let back = joins(&broker, "range", Some("one"));
    let back_works = works(&back, &seen);
    eventually("it has its partition again", async || (partitions(&back) == kept).then_some(())).await;
    let (state, members) = generation();
    assert_eq!(state, "Stable");
    assert_ne!(members, before.1, "under a new member id");
    assert_eq!(held(&two), 1);
    rest(back_works).await;
    rest(two_works).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_falls_silent_is_replaced() {
    let broker = start().await;
    broker.topic("work", 2).await;
    let seen = Seen::default();
    let silent = joins(&broker, "range", Some("silent"));
    let silent_works = works(&silent, &seen);
    let other = joins(&broker, "range", Some("other"));
    let other_works = works(&other, &seen);
    eventually("each has one", async || (held(&silent) == 1 && held(&other) == 1).then_some(())).await;
    rest(silent_works).await;
    drop(silent);
    eventually("the other has both after the session", async || (held(&other) == 2).then_some(())).await;
    rest(other_works).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_of_topics_that_a_group_no_longer_reads_can_be_deleted_while_it_works() {
    let broker = start().await;
    for topic in ["orders", "former"] {
        broker.topic(topic, 1).await;
        broker.send(&broker.producer(), topic, "key", "value").await;
    }
    let member = broker.consumer("readers");
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset("former", 0, Offset::Offset(1)).expect("offset");
    member.commit(&offsets, CommitMode::Sync).expect("committed");
    member.subscribe(&["orders"]).expect("subscribed");
    take(&member, 1).await;
    member.commit_consumer_state(CommitMode::Sync).expect("committed");

    let mut wire = Wire::connect(broker.address).await;
    let partitions = vec![offset_delete_request::OffsetDeleteRequestPartition::default()];
    let topic = |name| {
        offset_delete_request::OffsetDeleteRequestTopic::default()
            .with_name(TopicName(StrBytes::from_static_str(name)))
            .with_partitions(partitions.clone())
    };
    let request = OffsetDeleteRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("readers")))
        .with_topics(vec![topic("orders"), topic("former")]);
    let ResponseKind::OffsetDelete(response) = wire.ask(ApiKey::OffsetDelete, 0, request).await else {
        panic!("another answer")
    };
    assert_eq!(response.error_code, 0);
    let codes = response.topics.iter().map(|topic| topic.partitions[0].error_code).collect::<Vec<_>>();
    assert_eq!(codes, [ResponseError::GroupSubscribedToTopic.code(), 0]);
    let mut asked = TopicPartitionList::new();
    asked.add_partition("orders", 0);
    asked.add_partition("former", 0);
    let committed = member.committed_offsets(asked, DEADLINE).expect("an answer");
    let offsets = committed.elements().iter().map(|place| place.offset()).collect::<Vec<_>>();
    assert_eq!(offsets, [Offset::Offset(1), Offset::Invalid]);
}
