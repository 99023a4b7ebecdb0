//! Compressed batches of a few bytes that claim to be, or are, very many: stored as they came, and never unpacked whole.

use std::io::{self, Read, Write};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ListOffsetsRequest, ResponseKind, list_offsets_request};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::process::Process;
use crate::requests::{orders, produce};
use crate::support::client;
use crate::wire::{NOBODY, Wire, batch, sealed};

/// What the bombs hold, in bytes, packed into less than a topic takes of one batch.
const UNPACKED: u64 = 200 * 1024 * 1024;
/// More than the broker unpacks at most, less than any of the bombs comes to, in KiB.
const MOST_MEMORY: u64 = 160 * 1024;
/// The newest record of a [`bomb`], as its header has it.
const NEWEST: i64 = 1;

/// A batch that is in order except for what it has packed.
fn bomb(codec: u8, packed: &[u8]) -> Bytes {
    let mut bytes = BytesMut::from(&batch(&["value"], NOBODY)[..61]);
    bytes.put_slice(packed);
    let length = i32::try_from(bytes.len() - 12).expect("small");
    (&mut bytes[8..12]).put_i32(length);
    bytes[22] = codec;
    sealed(bytes)
}

fn zeros() -> impl Read {
    io::repeat(0).take(UNPACKED)
}

fn gzip() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    io::copy(&mut zeros(), &mut encoder).expect("packed");
    encoder.finish().expect("packed")
}

fn lz4() -> Vec<u8> {
    let builder = lz4::EncoderBuilder::new().block_size(lz4::BlockSize::Max4MB).to_owned();
    let mut encoder = builder.build(Vec::new()).expect("an encoder");
    io::copy(&mut zeros(), &mut encoder).expect("packed");
    let (packed, ended) = encoder.finish();
    ended.expect("packed");
    packed
}

fn zstd() -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    io::copy(&mut zeros(), &mut encoder).expect("packed");
    encoder.finish().expect("packed")
}

/// As Kafka's clients frame it, in blocks that are each believable.
fn snappy(block: &[u8]) -> Vec<u8> {
    let mut packed = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01".to_vec();
    while packed.len() + block.len() < 1_000_000 {
        packed.put_u32(u32::try_from(block.len()).expect("small"));
        packed.write_all(block).expect("written");
    }
    packed
}

/// Where the first record since the beginning of time is, and when it was made.
async fn first(wire: &mut Wire, since: i64) -> (i64, i64) {
    let partition = list_offsets_request::ListOffsetsPartition::default().with_timestamp(since);
    let topic = list_offsets_request::ListOffsetsTopic::default().with_name(orders()).with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![topic]);
    let ResponseKind::ListOffsets(response) = wire.ask(ApiKey::ListOffsets, 2, request).await else {
        panic!("another answer")
    };
    let found = &response.topics[0].partitions[0];
    assert_eq!(found.error_code, 0);
    (found.offset, found.timestamp)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_bytes_that_unpack_to_gigabytes_take_no_memory_and_are_found_by_their_header() {
    let block = snap::raw::Encoder::new().compress_vec(&vec![0; 4 * 1024 * 1024]).expect("packed");
    // Says that four gigabytes follow.
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00];
    let bombs = [
        ("gzip", 1, gzip()),
        ("snappy, one claim", 2, claim.to_vec()),
        ("snappy, many claims", 2, snappy(&claim)),
        ("snappy, many blocks", 2, snappy(&block[..])),
        ("lz4", 3, lz4()),
        ("zstd", 4, zstd()),
        ("no gzip at all", 1, vec![0x5a; 100]),
        ("no lz4 at all", 3, vec![0x5a; 100]),
        ("no zstd at all", 4, vec![0x5a; 100]),
        ("no records in it", 4, zstd::encode_all([0x5a; 100].as_slice(), 1).expect("packed")),
    ];
    for (what, codec, packed) in bombs {
        let dir = tempfile::tempdir().expect("temporary directory");
        let broker = Process::start(dir.path(), "127.0.0.1:0");
        let admin: AdminClient<DefaultClientContext> = client(broker.address).create().expect("admin client");
        // The records are made with times of long ago.
        let topic = NewTopic::new("orders", 1, TopicReplication::Fixed(1)).set("retention.ms", "-1");
        admin.create_topics([&topic], &AdminOptions::new()).await.expect("an answer");
        let mut wire = Wire::connect(broker.address).await;
        let ResponseKind::Produce(response) = wire.ask(ApiKey::Produce, 7, produce(bomb(codec, &packed))).await else {
            panic!("another answer")
        };
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0, "{what}, {} bytes", packed.len());
        wire.ask(ApiKey::Produce, 7, produce(batch(&["older", "newer"], NOBODY))).await;

        assert_eq!(first(&mut wire, 0).await, (0, NEWEST), "{what}");
        assert_eq!(first(&mut wire, NEWEST + 1).await, (2, NEWEST + 1), "{what}: what came after it");
        let peak = broker.peak_memory();
        assert!(peak < MOST_MEMORY, "{what}: {peak} KiB");
        assert!(!broker.kill().contains("panicked"), "{what}");
    }
}
