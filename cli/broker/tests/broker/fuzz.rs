//! Requests that are almost right, against the real binary: every api and version, changed by bits, lengths and ends.

use std::net::SocketAddr;

use bytes::{BufMut, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestKind};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::frames::announced;
use crate::process::Process;
use crate::requests::request;
use crate::support::{DEADLINE, client, number};
use crate::wire::{Wire, frame};

/// Far above what the broker ever needs, far below what a length that is believed would take, in KiB.
const MOST_MEMORY: u64 = 96 * 1024;

#[derive(Debug, Clone)]
enum Damage {
    Flip {
        at: usize,
        bit: u8,
    },
    Byte {
        at: usize,
        to: u8,
    },
    Number {
        at: usize,
        to: i32,
    },
    End {
        at: usize,
    },
    More(Vec<u8>),
    /// What the frame says of its own length.
    Announced(i32),
}

fn damage() -> impl Strategy<Value = Damage> {
    let length = prop_oneof![Just(i32::MAX), Just(-1), Just(i32::MIN), Just(32 << 20), -10..1000, any::<i32>()];
    prop_oneof![
        6 => (any::<usize>(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(at, to)| Damage::Byte { at, to }),
        3 => (any::<usize>(), length.clone()).prop_map(|(at, to)| Damage::Number { at, to }),
        2 => any::<usize>().prop_map(|at| Damage::End { at }),
        1 => proptest::collection::vec(any::<u8>(), 1..40).prop_map(Damage::More),
        1 => length.prop_map(Damage::Announced),
    ]
}

/// The bytes to send, length in front.
fn damaged(request: &[u8], damages: &[Damage]) -> BytesMut {
    let mut bytes = request.to_vec();
    let mut announced = None;
    for damage in damages {
        let place = |at: usize| at % bytes.len().max(1);
        match damage {
            Damage::Announced(length) => announced = Some(*length),
            Damage::More(more) => bytes.extend_from_slice(more),
            _ if bytes.is_empty() => {}
            Damage::Flip { at, bit } => {
                let at = place(*at);
                bytes[at] ^= 1 << bit;
            }
            Damage::Byte { at, to } => {
                let at = place(*at);
                bytes[at] = *to;
            }
            Damage::Number { at, to } => {
                let at = place(*at);
                let end = bytes.len().min(at + 4);
                bytes[at..end].copy_from_slice(&to.to_be_bytes()[..end - at]);
            }
            Damage::End { at } => bytes.truncate(place(*at)),
        }
    }
    let mut frame = BytesMut::new();
    frame.put_i32(announced.unwrap_or_else(|| i32::try_from(bytes.len()).expect("small")));
    frame.put_slice(&bytes);
    frame
}

/// Sends bytes and nothing after them, and waits until the broker has done with the connection.
async fn send(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).await.expect("it takes connections");
    // Where it has hung up already there is nothing to send to or to hear.
    stream.write_all(bytes).await.ok();
    stream.shutdown().await.ok();
    let mut answer = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("the end").ok();
}

/// As in the other tests, except that no topic is made: one bit makes 500 partitions of one.
fn harmless(api: ApiKey, version: i16) -> RequestKind {
    match request(api, version) {
        RequestKind::CreateTopics(request) => request.with_validate_only(true).into(),
        other => other,
    }
}

#[test]
fn no_request_that_is_almost_right_harms_the_broker_or_another_connection() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let broker = Process::start(dir.path(), "127.0.0.1:0");
    let address = broker.address;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut bystander = runtime.block_on(Wire::connect(address));
    let mut requests = Vec::new();
    for (key, (min, max)) in runtime.block_on(announced(&mut bystander)) {
        let api = ApiKey::try_from(key).expect("a known key");
        let min = if api == ApiKey::Produce { 3 } else { min };
        requests.extend((min..=max).map(|version| frame(api, version, 1, &harmless(api, version)).freeze()));
    }
    runtime.block_on(make("orders", address));

    let cases = u32::try_from(number("BROKER_FUZZ_CASES", 3000)).expect("a number of cases");
    // What made it fall cannot be made smaller: it is gone.
    let config = Config { cases, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let inputs = (proptest::sample::select(requests), proptest::collection::vec(damage(), 1..4));
    let ran = TestRunner::new(config).run(&inputs, |(request, damages)| {
        runtime.block_on(send(address, &damaged(&request, &damages)));
        Ok(())
    });
    ran.expect("the broker takes all of it");

    runtime.block_on(bystander.ask(ApiKey::Metadata, 1, request(ApiKey::Metadata, 1)));
    let peak = broker.peak_memory();
    assert!(peak < MOST_MEMORY, "{peak} KiB");
    let said = broker.kill();
    assert!(!said.contains("panicked"), "{said}");
    // What was written by the way does not keep it from starting.
    assert!(!Process::start(dir.path(), "127.0.0.1:0").kill().contains("panicked"));
}

async fn make(topic: &str, address: SocketAddr) {
    let admin: AdminClient<DefaultClientContext> = client(address).create().expect("admin client");
    let topic = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    let made = admin.create_topics([&topic], &AdminOptions::new()).await.expect("an answer");
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

#[tokio::test]
async fn frames_that_announce_more_than_they_bring_take_no_memory() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let broker = Process::start(dir.path(), "127.0.0.1:0");
    let mut waiting = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(broker.address).await.expect("connected");
        stream.write_i32(32 << 20).await.expect("sent");
        stream.write_all(&[0; 1000]).await.expect("sent");
        waiting.push(stream);
    }
    let other: BaseConsumer = client(broker.address).create().expect("a client");
    other.fetch_metadata(None, DEADLINE).expect("others are served");
    let peak = broker.peak_memory();
    assert!(peak < MOST_MEMORY, "{peak} KiB");
    drop(waiting);
    broker.kill();
}
