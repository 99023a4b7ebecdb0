//! Segments and logs over a directory.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use proptest::prelude::*;

use super::producers::{Producers, Verdict};
use super::{Batch, Log, records};
use crate::settings::Settings;

/// A batch of records with these timestamps.
fn batch(timestamps: &[i64], compression: Compression) -> Bytes {
    let record = |(offset, timestamp): (i64, &i64)| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset,
        sequence: i32::try_from(offset).expect("few") - 1,
        timestamp: *timestamp,
        key: Some(Bytes::from_static(b"key")),
        value: Some(Bytes::from(vec![b'x'; 100])),
        headers: Default::default(),
    };
    let records = (0..).zip(timestamps).map(record).collect::<Vec<_>>();
    let mut bytes = BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, &records, &RecordEncodeOptions { version: 2, compression })
        .expect("a batch");
    bytes.freeze()
}

fn append(log: &mut Log, bytes: &Bytes, settings: &Settings) -> i64 {
    let batch = Batch::accept(bytes, settings.max_message_bytes, 9).expect("acceptable");
    log.append(batch, bytes, settings).expect("appended").base_offset
}

/// The offsets of the batches in a read.
fn offsets(mut bytes: Bytes) -> Vec<i64> {
    let mut offsets = Vec::new();
    while let Some(batch) = Batch::parse(&bytes) {
        assert!(batch.is_intact(&bytes.split_to(batch.size)));
        offsets.push(batch.base_offset);
    }
    assert!(bytes.is_empty(), "a part of a batch");
    offsets
}

#[test]
fn reads_go_on_from_segment_to_segment_and_give_whole_batches() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let settings = Settings { segment_bytes: 3000, ..Settings::default() };
    let mut log = Log::open(dir.path(), false).expect("a log");
    for number in 0..100 {
        assert_eq!(append(&mut log, &batch(&[number, number], Compression::None), &settings), number * 2);
    }
    for log in [log, Log::open(dir.path(), false).expect("the same log")] {
        assert!(log.segments.len() > 5);
        let mut offset = 0;
        let mut seen = Vec::new();
        while offset < log.end() {
            let found = offsets(log.read(offset, 1000, false).expect("a read"));
            offset = found.last().expect("something") + 2;
            seen.extend(found);
        }
        assert_eq!(seen, (0..100).map(|number| number * 2).collect::<Vec<_>>());
        assert_eq!(offsets(log.read(7, 1, true).expect("a read")), [6], "the batch that holds it, however large");
        assert_eq!(offsets(log.read(7, 1, false).expect("a read")), [0_i64; 0]);
        assert_eq!(log.read(201, 1000, true), Err(ResponseError::OffsetOutOfRange));
    }
}

#[test]
fn a_time_is_found_to_the_record_in_every_codec() {
    let codecs = [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    for codec in codecs {
        let dir = tempfile::tempdir().expect("temporary directory");
        let settings = Settings { segment_bytes: 3000, ..Settings::default() };
        let mut log = Log::open(dir.path(), false).expect("a log");
        for number in 0..50 {
            append(&mut log, &batch(&[number * 20, number * 20 + 10], codec), &settings);
        }
        for record in 0..100 {
            let expected = Some((record, record * 10));
            assert_eq!(log.first_since(record * 10).expect("a lookup"), expected, "{codec:?}");
            assert_eq!(log.first_since(record * 10 - 9).expect("a lookup"), expected, "{codec:?}");
        }
        assert_eq!(log.first_since(991).expect("a lookup"), None);
        assert_eq!(log.newest().expect("a lookup"), Some((99, 990)));
        log.delete_before(5).expect("deleted");
        assert_eq!(log.first_since(0).expect("a lookup"), Some((5, 50)), "never before the log's start");
    }
}

#[test]
fn what_follows_a_damaged_segment_is_put_aside() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let settings = Settings { segment_bytes: 1000, ..Settings::default() };
    let mut log = Log::open(dir.path(), false).expect("a log");
    for number in 0..20 {
        append(&mut log, &batch(&[number], Compression::None), &settings);
    }
    let second = super::segment::path(dir.path(), log.segments[1].base);
    let mut bytes = std::fs::read(&second).expect("a segment");
    bytes[100] ^= 1;
    std::fs::write(&second, bytes).expect("written");
    let base = log.segments[1].base;
    drop(log);
    let mut log = Log::open(dir.path(), false).expect("the same log");
    assert_eq!(log.end(), base);
    assert_eq!(append(&mut log, &batch(&[1], Compression::None), &settings), base);
    assert_eq!(Log::open(dir.path(), false).expect("again").end(), base + 1);
}

#[test]
fn deleting_all_records_leaves_an_empty_log_that_goes_on() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let settings = Settings { segment_bytes: 1000, ..Settings::default() };
    let mut log = Log::open(dir.path(), false).expect("a log");
    for number in 0..20 {
        append(&mut log, &batch(&[number], Compression::None), &settings);
    }
    assert_eq!(log.delete_before(21), Err(ResponseError::OffsetOutOfRange));
    assert_eq!(log.delete_before(-1), Ok(20));
    assert_eq!(log.segments.len(), 1);
    let mut log = Log::open(dir.path(), false).expect("the same log");
    assert_eq!((log.start(), log.end()), (20, 20));
    assert_eq!(append(&mut log, &batch(&[1], Compression::None), &settings), 20);
}

#[test]
fn sequences_go_round_after_the_largest() {
    let mut producers = Producers::default();
    let template = Batch::parse(&batch(&[1, 2, 3], Compression::None)).expect("a batch");
    let at = |base_sequence| {
        let mut batch = template;
        (batch.producer_id, batch.producer_epoch, batch.base_sequence) = (1, 0, base_sequence);
        batch
    };
    producers.note(&at(i32::MAX - 1), 0);
    assert_eq!(producers.judge(&at(1)), Ok(Verdict::Append));
    assert_eq!(producers.judge(&at(2)), Err(ResponseError::OutOfOrderSequenceNumber));
    assert_eq!(producers.judge(&at(i32::MAX - 1)), Ok(Verdict::Duplicate(0)));
    producers.forget_before(1);
    assert_eq!(producers.judge(&at(2)), Ok(Verdict::Append), "nothing is known any more");
}

proptest! {
    #[test]
    fn any_bytes_are_accepted_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), count in any::<i32>()) {
        let accepted = Batch::accept(&bytes, 1000, 9).is_ok();
        prop_assert!(!accepted || bytes.len() <= 1000);
        records::are_sound(&bytes, count);
    }

    #[test]
    fn a_file_of_any_bytes_opens_as_a_log(bytes in proptest::collection::vec(any::<u8>(), 0..300), flip in 0_usize..400) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut content = batch(&[1, 2], Compression::None).to_vec();
        content.extend_from_slice(&bytes);
        let at = flip % content.len();
        content[at] ^= 0x55;
        std::fs::write(super::segment::path(dir.path(), 0), content).expect("written");
        let log = Log::open(dir.path(), false).expect("a log");
        prop_assert!(log.end() == 0 || log.end() == 2);
    }
}

#[test]
fn settings_of_a_topic_stand_above_the_defaults() {
    let configs = [("retention.ms", "-1"), ("segment.bytes", "100000")];
    let configs =
        configs.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect::<BTreeMap<_, _>>();
    let settings = Settings::default().overridden(&configs);
    assert_eq!((settings.retention_ms, settings.segment_bytes), (None, 100_000));
    assert_eq!(settings.max_message_bytes, Settings::default().max_message_bytes);
}
