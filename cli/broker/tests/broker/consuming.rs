//! Producing and consuming through librdkafka.

use rdkafka::Message;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::producer::FutureRecord;

use crate::support::{DEADLINE, start, start_with, take};

fn values(messages: &[rdkafka::message::OwnedMessage]) -> Vec<String> {
    let text = |message: &rdkafka::message::OwnedMessage| {
        String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned()
    };
    messages.iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_produced_is_consumed_in_order() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    let producer = broker.producer();
    for number in 0..100 {
        let place = broker.send(&producer, "orders", "key", &number.to_string()).await;
        assert_eq!(place, (0, number));
    }
    let consumer = broker.consumer("readers");
    consumer.subscribe(&["orders"]).expect("subscribed");
    let received = take(&consumer, 100).await;
    assert_eq!(values(&received), (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committed_offset_survives_a_restart() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    let producer = broker.producer();
    for number in 0..10 {
        broker.send(&producer, "orders", "key", &number.to_string()).await;
    }
    let consumer = broker.consumer("readers");
    consumer.subscribe(&["orders"]).expect("subscribed");
    let received = take(&consumer, 4).await;
    assert_eq!(received.len(), 4);
    let mut offsets = rdkafka::TopicPartitionList::new();
    offsets.add_partition_offset("orders", 0, rdkafka::Offset::Offset(4)).expect("offset");
    consumer.commit(&offsets, CommitMode::Sync).expect("committed");
    drop(consumer);

    let broker = broker.restart().await;
    let consumer = broker.consumer("readers");
    consumer.subscribe(&["orders"]).expect("subscribed");
    assert_eq!(values(&take(&consumer, 6).await), ["4", "5", "6", "7", "8", "9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_goes_on_when_the_broker_is_back() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    let producer = broker.producer();
    broker.send(&producer, "orders", "key", "before").await;
    let consumer = broker.consumer("readers");
    consumer.subscribe(&["orders"]).expect("subscribed");
    assert_eq!(values(&take(&consumer, 1).await), ["before"]);
    let broker = broker.restart().await;
    broker.send(&producer, "orders", "key", "after").await;
    let received = values(&take(&consumer, 1).await);
    // Nothing was committed, so it may begin anew.
    assert!(received == ["after"] || received == ["before"], "{received:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_appears_after_the_subscription_is_consumed() {
    let broker = start().await;
    let consumer = broker.consumer("early");
    consumer.subscribe(&["later"]).expect("subscribed");
    let consumed = tokio::spawn(async move { values(&take(&consumer, 1).await) });
    broker.topic("later", 3).await;
    broker.send(&broker.producer(), "later", "key", "value").await;
    assert_eq!(consumed.await.expect("consumed"), ["value"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_comes_into_being_only_where_that_is_switched_on() {
    let strict = start().await;
    let sent = strict.client().set("message.timeout.ms", "2000").create::<rdkafka::producer::FutureProducer>();
    let record = FutureRecord::to("unknown").key("key").payload("value");
    let result = sent.expect("producer").send(record, DEADLINE).await;
    assert!(result.is_err(), "{result:?}");

    let lenient = start_with(|config| {
        config.auto_create_topics = true;
        config.default_partitions = 2;
    })
    .await;
    lenient.send(&lenient.producer(), "unknown", "key", "value").await;
    let metadata = lenient.consumer("any").fetch_metadata(Some("unknown"), DEADLINE).expect("metadata");
    assert_eq!(metadata.topics()[0].partitions().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_compression_arrives_as_it_was_sent() {
    let broker = start().await;
    broker.topic("packed", 1).await;
    let codecs = ["none", "gzip", "snappy", "lz4"];
    let value = "shop ".repeat(1000);
    for codec in codecs {
        let mut config = broker.client();
        let producer = config.set("compression.type", codec).create().expect("producer");
        broker.send(&producer, "packed", codec, &value).await;
    }
    let consumer = broker.consumer("readers");
    consumer.subscribe(&["packed"]).expect("subscribed");
    let received = take(&consumer, codecs.len()).await;
    assert!(values(&received).iter().all(|received| *received == value));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_is_found_by_time_and_a_future_time_gives_the_end() {
    let broker = start().await;
    broker.topic("timed", 1).await;
    for codec in ["none", "lz4"] {
        let mut config = broker.client();
        let producer = config.set("compression.type", codec).set("linger.ms", "20").create().expect("producer");
        let producer: &rdkafka::producer::FutureProducer = &producer;
        let sends = (0..50).map(|number| {
            let record = FutureRecord::to("timed").key("key").payload("value").timestamp(1_000 + number * 10);
            producer.send_result(record).map_err(|(error, _)| error).expect("queued")
        });
        for delivery in sends.collect::<Vec<_>>() {
            delivery.await.expect("an answer").expect("delivered");
        }
    }
    let consumer = broker.consumer("readers");
    let lookup = |time: i64| {
        let mut asked = rdkafka::TopicPartitionList::new();
        asked.add_partition_offset("timed", 0, rdkafka::Offset::Offset(time)).expect("time");
        let found = consumer.offsets_for_times(asked, DEADLINE).expect("offsets");
        found.elements()[0].offset()
    };
    assert_eq!(lookup(0), rdkafka::Offset::Offset(0));
    assert_eq!(lookup(1_000), rdkafka::Offset::Offset(0));
    assert_eq!(lookup(1_011), rdkafka::Offset::Offset(2));
    assert_eq!(lookup(1_490), rdkafka::Offset::Offset(49));
    assert_eq!(lookup(i64::MAX), rdkafka::Offset::End);
    assert_eq!(consumer.fetch_watermarks("timed", 0, DEADLINE).expect("watermarks"), (0, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_fsync_everything_is_acknowledged_and_read_as_well() {
    let broker = start_with(|config| {
        config.fsync = true;
        config.segment_bytes = 2000;
    })
    .await;
    broker.topic("orders", 1).await;
    let producer = broker.producer();
    for number in 0..30 {
        broker.send(&producer, "orders", "key", &number.to_string()).await;
    }
    let consumer = broker.consumer("readers");
    consumer.subscribe(&["orders"]).expect("subscribed");
    let received = take(&consumer, 30).await;
    assert_eq!(values(&received), (0..30).map(|number| number.to_string()).collect::<Vec<_>>());
}
