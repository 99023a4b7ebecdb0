//! Connections on which nothing happens, or only half of something.

use std::time::Duration;

use kafka_protocol::messages::{ApiKey, ResponseKind};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::Consumer;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::Process;
use crate::requests::{fetch, produce, request};
use crate::support::{DEADLINE, client, consumer, start_with, take};
use crate::wire::{NOBODY, Wire, batch};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(300);

/// Waits until the broker hangs up.
async fn hung_up(stream: &mut TcpStream) {
    let read = tokio::time::timeout(DEADLINE, stream.read(&mut [0])).await;
    assert!(matches!(read.expect("it hangs up in time"), Ok(0) | Err(_)), "it has something to say");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_request_is_not_waited_for_as_long_as_the_next_one() {
    let broker = start_with(|config| (config.idle_patience, config.frame_patience) = (LONG, SHORT)).await;
    let mut idle = Wire::connect(broker.address).await;
    for half in [&[0, 0][..], &[0, 0, 1, 0], &[0, 0, 1, 0, 0, 3]] {
        let mut stream = TcpStream::connect(broker.address).await.expect("connected");
        stream.write_all(half).await.expect("sent");
        hung_up(&mut stream).await;
    }
    idle.ask(ApiKey::Metadata, 1, request(ApiKey::Metadata, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_nothing_is_not_waited_for_for_ever_and_who_waits_for_an_answer_is_not_idle() {
    let broker = start_with(|config| (config.idle_patience, config.frame_patience) = (SHORT, LONG)).await;
    broker.topic("orders", 1).await;
    let mut waiting = Wire::connect(broker.address).await;
    waiting.send(ApiKey::Fetch, 11, &fetch(0, 60_000).into()).await;
    let mut silent = TcpStream::connect(broker.address).await.expect("connected");
    hung_up(&mut silent).await;
    let mut writer = Wire::connect(broker.address).await;
    writer.ask(ApiKey::Produce, 7, produce(batch(&["value"], NOBODY))).await;
    assert_eq!(writer.receive_raw().await, None, "it has asked once and no more");
    let ResponseKind::Fetch(response) = waiting.receive(ApiKey::Fetch, 11).await else { panic!("another answer") };
    assert_eq!(response.responses[0].partitions[0].high_watermark, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_idle_connections_keeps_out_no_client_no_member_of_a_group_and_no_segment() {
    const FILES: u64 = 128;
    const CROWD: usize = 300;
    const SEGMENTS: usize = 16;
    let dir = tempfile::tempdir().expect("temporary directory");
    let broker = Process::start_with_few_open_files(dir.path(), "127.0.0.1:0", FILES);
    let admin: AdminClient<DefaultClientContext> = client(broker.address).create().expect("admin client");
    let topic = NewTopic::new("orders", 1, TopicReplication::Fixed(1)).set("segment.bytes", "1000");
    let topic = topic.set("retention.ms", "-1");
    admin.create_topics([&topic], &AdminOptions::new()).await.expect("an answer");
    let producer: FutureProducer =
        client(broker.address).set("linger.ms", "0").set("message.timeout.ms", "30000").create().expect("producer");
    let value = "x".repeat(900);
    let record = || FutureRecord::to("orders").key("key").payload(&value);
    producer.send(record(), DEADLINE).await.expect("delivered");
    let member = consumer(client(broker.address), "readers");
    member.subscribe(&["orders"]).expect("subscribed");
    take(&member, 1).await;
    let mut waiting = Wire::connect(broker.address).await;
    waiting.send(ApiKey::Fetch, 11, &fetch(1, 600_000).into()).await;

    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(TcpStream::connect(broker.address).await.expect("connected"));
    }
    for earlier in &mut crowd[..CROWD / 2] {
        hung_up(earlier).await;
    }
    let mut newcomer = Wire::connect(broker.address).await;
    newcomer.ask(ApiKey::Metadata, 1, request(ApiKey::Metadata, 1)).await;
    for _ in 0..SEGMENTS {
        producer.send(record(), DEADLINE).await.expect("delivered");
    }
    let ResponseKind::Fetch(response) = waiting.receive(ApiKey::Fetch, 11).await else { panic!("another answer") };
    assert_eq!(response.responses[0].partitions[0].error_code, 0);
    let read = take(&member, SEGMENTS).await;
    assert_eq!(read.len(), SEGMENTS);
    drop((member, crowd));
    let said = broker.kill();
    assert!(!said.contains("panicked") && !said.contains("cannot write"), "{said}");
}
