//! A disk that is full, and then has room again.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::{ApiKey, GroupId, OffsetCommitRequest, ResponseKind};
use kafka_protocol::protocol::StrBytes;
use rdkafka::Message;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::process::Process;
use crate::requests::{orders, produce};
use crate::support::{DEADLINE, client, consumer, take};
use crate::wire::{NOBODY, Wire, batch};

/// Of one file.
const ROOM_KIB: u64 = 256;
const LATER: i64 = 50;

/// Sends one message after the other until one is refused; the number of those that were taken, and why that one was not.
async fn produce_until_refused(wire: &mut Wire, value: &str) -> (i64, ResponseError) {
    for taken in 0.. {
        let request = produce(batch(&[value], NOBODY));
        let ResponseKind::Produce(response) = wire.ask(ApiKey::Produce, 7, request).await else {
            panic!("another answer")
        };
        let partition = &response.responses[0].partition_responses[0];
        if let Some(error) = ResponseError::try_from_code(partition.error_code) {
            return (taken, error);
        }
        assert_eq!(partition.base_offset, taken);
    }
    unreachable!("the room is limited");
}

async fn commit(wire: &mut Wire, offset: i64) -> Result<(), ResponseError> {
    let metadata = StrBytes::from_string("m".repeat(4000));
    let partition =
        OffsetCommitRequestPartition::default().with_committed_offset(offset).with_committed_metadata(Some(metadata));
    let topic = OffsetCommitRequestTopic::default().with_name(orders()).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("readers")))
        .with_topics(vec![topic]);
    let ResponseKind::OffsetCommit(response) = wire.ask(ApiKey::OffsetCommit, 5, request).await else {
        panic!("another answer")
    };
    ResponseError::try_from_code(response.topics[0].partitions[0].error_code).map_or(Ok(()), Err)
}

fn committed(reader: &StreamConsumer) -> Option<i64> {
    let mut asked = rdkafka::TopicPartitionList::new();
    asked.add_partition("orders", 0);
    let committed = reader.committed_offsets(asked, DEADLINE).expect("an answer");
    committed.elements()[0].offset().to_raw()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_harms_nothing_that_is_there_and_work_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let broker = Process::start_on_a_full_disk(dir.path(), "127.0.0.1:0", ROOM_KIB);
    let address = broker.address;
    let admin: AdminClient<DefaultClientContext> = client(address).create().expect("admin client");
    // The records are made with times of long ago.
    let topic = NewTopic::new("orders", 1, TopicReplication::Fixed(1)).set("retention.ms", "-1");
    admin.create_topics([&topic], &AdminOptions::new()).await.expect("an answer");

    let mut wire = Wire::connect(address).await;
    let value = "x".repeat(10_000);
    let (taken, refused) = produce_until_refused(&mut wire, &value).await;
    assert_eq!(refused, ResponseError::KafkaStorageError);
    assert!(taken > 10, "{taken}");
    let mut newest = 0;
    let refused = loop {
        match commit(&mut wire, newest + 1).await {
            Ok(()) => newest += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, ResponseError::CoordinatorNotAvailable);
    assert!(newest > 10, "{newest}");
    let reader = consumer(client(address), "readers");
    let is_whole = |reader: &StreamConsumer, count: i64, newest: i64| {
        assert_eq!(reader.fetch_watermarks("orders", 0, DEADLINE).expect("watermarks"), (0, count));
        assert_eq!(committed(reader), Some(newest));
    };
    is_whole(&reader, taken, newest);

    // Who sends now waits, also across a broker that is killed with its disk full.
    let producer: FutureProducer =
        client(address).set("enable.idempotence", "true").set("linger.ms", "0").create().expect("producer");
    let send = |number: i64| {
        let number = format!("{number:010000}");
        producer.send_result(FutureRecord::to("orders").key("key").payload(&number)).map_err(|(error, _)| error)
    };
    let deliveries = (0..LATER).map(|number| send(number).expect("queued")).collect::<Vec<_>>();
    broker.kill();
    let broker = Process::start_on_a_full_disk(dir.path(), &address.to_string(), ROOM_KIB);
    is_whole(&reader, taken, newest);

    broker.make_room();
    for delivery in deliveries {
        tokio::time::timeout(DEADLINE, delivery).await.expect("in time").expect("an answer").expect("delivered");
    }
    is_whole(&reader, taken + LATER, newest);
    let mut wire = Wire::connect(address).await;
    newest = 3;
    assert_eq!(commit(&mut wire, newest).await, Ok(()));

    broker.kill();
    let broker = Process::start(dir.path(), &address.to_string());
    assert_eq!(reader.fetch_watermarks("orders", 0, DEADLINE).expect("watermarks"), (0, taken + LATER));
    assert_eq!(committed(&reader), Some(newest));
    reader.subscribe(&["orders"]).expect("subscribed");
    let rest = usize::try_from(taken + LATER - newest).expect("a count");
    let messages = take(&reader, rest).await;
    let last = &messages[rest - usize::try_from(LATER).expect("few")..];
    let numbers = last.iter().map(|message| {
        let text = std::str::from_utf8(message.payload().expect("a value")).expect("text");
        text.parse::<i64>().expect("a number")
    });
    assert_eq!(numbers.collect::<Vec<_>>(), (0..LATER).collect::<Vec<_>>(), "each once, in order");
    drop(reader);
    broker.kill();
}
