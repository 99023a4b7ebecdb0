//! What is left after a kill at the worst moment.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rdkafka::Message;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::Consumer;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};

use crate::process::Process;
use crate::support::{DEADLINE, client, consumer, eventually, promised, start, start_with, take};

const KEYS: usize = 5;
const BETWEEN_KILLS: usize = 2000;

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_production_loses_doubles_and_reorders_nothing() {
    let kills = promised("BROKER_KILLS", 20, 5);
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut broker = Process::start(dir.path(), "127.0.0.1:0");
    let address = broker.address;
    let admin: AdminClient<DefaultClientContext> = client(address).create().expect("admin client");
    let topic = NewTopic::new("orders", 3, TopicReplication::Fixed(1));
    admin.create_topics([&topic], &AdminOptions::new()).await.expect("an answer");
    let producer: FutureProducer =
        client(address).set("enable.idempotence", "true").set("linger.ms", "1").create().expect("producer");

    let mut deliveries = Vec::new();
    for round in 0..=kills {
        for number in round * BETWEEN_KILLS..(round + 1) * BETWEEN_KILLS {
            let key = (number % KEYS).to_string();
            let value = number.to_string();
            let record = FutureRecord::to("orders").key(&key).payload(&value);
            deliveries.push(producer.send_result(record).map_err(|(error, _)| error).expect("queued"));
        }
        if round < kills {
            // Some of the round is acknowledged, the rest is on its way.
            let seen = deliveries.remove(round * (BETWEEN_KILLS - 1) + BETWEEN_KILLS / 4);
            seen.await.expect("an answer").expect("delivered");
            broker.kill();
            broker = Process::start(dir.path(), &address.to_string());
        }
    }
    producer.flush(DEADLINE).expect("flushed");
    for delivery in deliveries {
        delivery.await.expect("an answer").expect("delivered");
    }

    let total = (kills + 1) * BETWEEN_KILLS;
    let reader = consumer(client(address), "readers");
    reader.subscribe(&["orders"]).expect("subscribed");
    let messages = take(&reader, total).await;
    let (_, high) = (0..3).fold((0, 0), |(low, high), partition| {
        let (first, last) = reader.fetch_watermarks("orders", partition, DEADLINE).expect("watermarks");
        (low + first, high + last)
    });
    assert_eq!(usize::try_from(high).expect("a count"), total, "as many as were sent, none doubled");
    let mut by_key = BTreeMap::<Vec<u8>, Vec<usize>>::new();
    for message in &messages {
        let value = std::str::from_utf8(message.payload().expect("a value")).expect("text");
        by_key.entry(message.key().expect("a key").to_vec()).or_default().push(value.parse().expect("a number"));
    }
    for (key, values) in by_key {
        let key: usize = String::from_utf8(key).expect("text").parse().expect("a number");
        let expected = (0..total).filter(|number| number % KEYS == key).collect::<Vec<_>>();
        assert_eq!(values, expected, "key {key}");
    }
    broker.kill();
}

/// The only segment below a data directory.
fn segment(data: &Path) -> PathBuf {
    let topics = fs::read_dir(data.join("topics")).expect("topics");
    let topic = topics.map(|entry| entry.expect("an entry").path()).next().expect("one topic");
    topic.join("0").join(format!("{:020}.log", 0))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_tail_is_cut_and_the_rest_is_served() {
    for tear in ["cut short", "followed by garbage", "damaged"] {
        let broker = start().await;
        broker.topic("orders", 1).await;
        let producer = broker.producer();
        for number in 0..5 {
            broker.send(&producer, "orders", "key", &number.to_string()).await;
        }
        let path = segment(broker.path());
        let broker = broker
            .restart_after(|| {
                let mut bytes = fs::read(&path).expect("a segment");
                let length = bytes.len();
                match tear {
                    "cut short" => bytes.truncate(length - 3),
                    "damaged" => bytes[length - 3] ^= 1,
                    _ => bytes.extend_from_slice(&[0x5a; 100]),
                }
                fs::write(&path, bytes).expect("written");
            })
            .await;
        let left = if tear == "followed by garbage" { 5 } else { 4 };
        let reader = broker.consumer("readers");
        assert_eq!(reader.fetch_watermarks("orders", 0, DEADLINE).expect("watermarks"), (0, left), "{tear}");
        let (_, offset) = broker.send(&broker.producer(), "orders", "key", "next").await;
        assert_eq!(offset, left, "{tear}");
        reader.subscribe(&["orders"]).expect("subscribed");
        let messages = take(&reader, usize::try_from(left).expect("few") + 1).await;
        assert_eq!(messages.last().and_then(|message| message.payload()), Some(b"next".as_slice()), "{tear}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_written_offset_is_dropped_and_the_earlier_ones_stand() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    broker.send(&broker.producer(), "orders", "key", "value").await;
    let mut offsets = rdkafka::TopicPartitionList::new();
    offsets.add_partition_offset("orders", 0, rdkafka::Offset::Offset(1)).expect("offset");
    broker.consumer("readers").commit(&offsets, rdkafka::consumer::CommitMode::Sync).expect("committed");
    let path = broker.path().join("offsets.log");
    let broker = broker
        .restart_after(|| {
            let mut file = OpenOptions::new().append(true).open(&path).expect("offsets");
            file.write_all(b"0badc0de {\"group\":\"readers\",\"topic\":\"ord").expect("written");
        })
        .await;
    let committed = broker.consumer("readers").committed_offsets(offsets, DEADLINE).expect("committed");
    assert_eq!(committed.elements()[0].offset(), rdkafka::Offset::Offset(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_half_made_or_half_deleted_does_not_exist() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    let topics = broker.path().join("topics");
    let broker = broker
        .restart_after(|| {
            let unfinished = topics.join("6f0f5d52-74b7-4d5d-9d1c-3f1f0d1c0001.new");
            fs::create_dir_all(unfinished.join("0")).expect("made");
            let deleted = topics.join("6f0f5d52-74b7-4d5d-9d1c-3f1f0d1c0002.deleted");
            fs::create_dir_all(deleted).expect("made");
        })
        .await;
    let metadata = broker.consumer("any").fetch_metadata(None, DEADLINE).expect("metadata");
    assert_eq!(metadata.topics().iter().map(|topic| topic.name()).collect::<Vec<_>>(), ["orders"]);
    assert_eq!(fs::read_dir(&topics).expect("topics").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_records_stay_deleted() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    let producer = broker.producer();
    for number in 0..10 {
        broker.send(&producer, "orders", "key", &number.to_string()).await;
    }
    let mut before = rdkafka::TopicPartitionList::new();
    before.add_partition_offset("orders", 0, rdkafka::Offset::Offset(7)).expect("offset");
    broker.admin().delete_records(&before, &AdminOptions::new()).await.expect("deleted");
    let broker = broker.restart().await;
    let reader = broker.consumer("readers");
    assert_eq!(reader.fetch_watermarks("orders", 0, DEADLINE).expect("watermarks"), (7, 10));
    reader.subscribe(&["orders"]).expect("subscribed");
    assert_eq!(take(&reader, 3).await[0].offset(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_segments_go_by_size_and_by_age_unless_the_topic_keeps_everything() {
    let broker = start_with(|config| {
        config.retention_interval = Duration::from_millis(50);
        config.retention = None;
        config.segment_bytes = 10_000;
    })
    .await;
    let topics =
        [("sized", "retention.bytes", "20000"), ("aged", "retention.ms", "1000"), ("kept", "retention.ms", "-1")];
    for (name, config, value) in topics {
        let topic = NewTopic::new(name, 1, TopicReplication::Fixed(1)).set(config, value);
        broker.admin().create_topics([&topic], &AdminOptions::new()).await.expect("an answer");
    }
    let producer = broker.producer();
    let value = "x".repeat(1000);
    for (name, ..) in topics {
        for _ in 0..50 {
            let record = FutureRecord::to(name).key("key").payload(&value).timestamp(1000);
            producer.send(record, DEADLINE).await.expect("delivered");
        }
    }
    let reader = broker.consumer("readers");
    let start_of = |name: &str| reader.fetch_watermarks(name, 0, DEADLINE).expect("watermarks").0;
    eventually("the segments of `sized` above 20000 bytes are gone", async || (start_of("sized") > 20).then_some(()))
        .await;
    eventually("all that is old is gone", async || (start_of("aged") == 50).then_some(())).await;
    assert_eq!(start_of("kept"), 0);
    assert!(start_of("sized") < 40, "no more than that");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_topics_come_and_go_leaves_each_whole_or_absent() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut broker = Process::start(dir.path(), "127.0.0.1:0");
    let address = broker.address;
    let admin: AdminClient<DefaultClientContext> = client(address).create().expect("admin client");
    let options = AdminOptions::new();
    let hasty = AdminOptions::new().request_timeout(Some(Duration::from_secs(2)));
    let mut made = Vec::new();
    let mut deleted = Vec::new();
    for round in 0..4 {
        for number in 0..10 {
            let name = format!("round-{round}-{number}");
            let topic = NewTopic::new(&name, 3, TopicReplication::Fixed(1));
            let results = admin.create_topics([&topic], &options).await.expect("an answer");
            assert!(results.iter().all(Result::is_ok), "{results:?}");
            if number % 2 == 0 {
                let results = admin.delete_topics(&[&name], &options).await.expect("an answer");
                assert!(results.iter().all(Result::is_ok), "{results:?}");
                deleted.push(name);
            } else {
                made.push(name);
            }
        }
        // One is on its way while the broker is killed: whether it will be there is open.
        let names = (0..50).map(|number| format!("open-{round}-{number}")).collect::<Vec<_>>();
        let topics = names.iter().map(|name| NewTopic::new(name, 3, TopicReplication::Fixed(1))).collect::<Vec<_>>();
        let (sent, killed) = tokio::join!(admin.create_topics(&topics, &hasty), async {
            let topics = dir.path().join("topics");
            let before = fs::read_dir(&topics).expect("topics").count();
            eventually("some are made", async || {
                (fs::read_dir(&topics).expect("topics").count() > before + 3).then_some(())
            })
            .await;
            broker.kill();
            Process::start(dir.path(), &address.to_string())
        });
        drop(sent);
        broker = killed;
    }
    let reader = consumer(client(address), "any");
    let metadata = reader.fetch_metadata(None, DEADLINE).expect("metadata");
    let present = metadata.topics().iter().map(|topic| topic.name()).collect::<Vec<_>>();
    assert!(made.iter().all(|name| present.contains(&name.as_str())), "{present:?}");
    assert!(!deleted.iter().any(|name| present.contains(&name.as_str())), "{present:?}");
    assert!(metadata.topics().iter().all(|topic| topic.partitions().len() == 3));
    broker.kill();
}
