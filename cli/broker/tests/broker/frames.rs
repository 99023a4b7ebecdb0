//! Every version of every request, and bytes that are no request at all.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse, ResponseKind};
use kafka_protocol::protocol::Decodable;

use crate::requests::{fetch, produce, request};
use crate::support::{start, start_with};
use crate::wire::{NOBODY, Wire, batch, sealed};

/// The versions of each api, as ApiVersions tells them.
pub(crate) async fn announced(wire: &mut Wire) -> BTreeMap<i16, (i16, i16)> {
    let ResponseKind::ApiVersions(versions) = wire.ask(ApiKey::ApiVersions, 0, ApiVersionsRequest::default()).await
    else {
        panic!("another answer");
    };
    versions.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_announced_version_is_answered_in_its_own_format() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    let mut wire = Wire::connect(broker.address).await;
    let mut asked = 0;
    for (key, (min, max)) in announced(&mut wire).await {
        let api = ApiKey::try_from(key).expect("a known key");
        // Produce below v3 is announced for the sake of librdkafka only.
        let min = if api == ApiKey::Produce { 3 } else { min };
        for version in min..=max {
            wire.ask(api, version, request(api, version)).await;
            asked += 1;
        }
    }
    assert!(asked > 100, "only {asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_old_clients_use_is_announced() {
    let broker = start().await;
    let announced = announced(&mut Wire::connect(broker.address).await).await;
    let used_by_old_clients = [
        (ApiKey::Produce, 3, 7),
        (ApiKey::Fetch, 4, 11),
        (ApiKey::ListOffsets, 1, 2),
        (ApiKey::Metadata, 0, 4),
        (ApiKey::OffsetCommit, 2, 7),
        (ApiKey::OffsetFetch, 1, 7),
        (ApiKey::FindCoordinator, 0, 4),
        (ApiKey::JoinGroup, 0, 5),
        (ApiKey::SyncGroup, 0, 3),
        (ApiKey::Heartbeat, 0, 3),
        (ApiKey::LeaveGroup, 0, 1),
        (ApiKey::ApiVersions, 0, 3),
        (ApiKey::CreateTopics, 2, 4),
        (ApiKey::InitProducerId, 0, 1),
    ];
    for (api, min, max) in used_by_old_clients {
        let (least, most) = announced[&(api as i16)];
        assert!(least <= min && max <= most, "{api:?}: v{least} to v{most} do not hold v{min} to v{max}");
    }
    for transactional in [ApiKey::AddPartitionsToTxn, ApiKey::AddOffsetsToTxn, ApiKey::EndTxn, ApiKey::TxnOffsetCommit]
    {
        assert!(!announced.contains_key(&(transactional as i16)), "{transactional:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_version_of_api_versions_is_answered_in_v0_with_what_is_known() {
    let broker = start().await;
    let mut wire = Wire::connect(broker.address).await;
    let mut frame = BytesMut::new();
    frame.put_i16(ApiKey::ApiVersions as i16);
    frame.put_i16(99);
    frame.put_i32(7);
    frame.put_slice(b"whatever the future holds");
    wire.send_raw(&frame).await;
    let mut answer = wire.receive_raw().await.expect("an answer");
    assert_eq!(answer.split_to(4), 7_i32.to_be_bytes().as_slice());
    let versions = ApiVersionsResponse::decode(&mut answer, 0).expect("v0");
    assert_eq!(versions.error_code, ResponseError::UnsupportedVersion.code());
    assert!(versions.api_keys.iter().any(|api| api.api_key == ApiKey::ApiVersions as i16 && api.max_version == 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_closes_its_connection_and_no_other() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    let mut bystander = Wire::connect(broker.address).await;
    let mut header = BytesMut::new();
    header.put_i16(ApiKey::Metadata as i16);
    header.put_i16(1);
    header.put_i32(1);
    header.put_i16(-1);
    // An array of two thousand million topics in four bytes; the same in a compact array.
    let huge = [header.as_ref(), &i32::MAX.to_be_bytes()].concat();
    header[3] = 9;
    let compact = [header.as_ref(), &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    let frames: [&[u8]; 7] = [b"", b"GET / HTTP/1.1", &[0; 8], &[0xff; 64], &header[..9], &huge, &compact];
    for frame in frames {
        let mut wire = Wire::connect(broker.address).await;
        wire.send_raw(frame).await;
        assert_eq!(wire.receive_raw().await, None, "{frame:?}");
    }
    for length in [i32::MIN, -1, i32::MAX] {
        let mut stream = tokio::net::TcpStream::connect(broker.address).await.expect("connected");
        tokio::io::AsyncWriteExt::write_i32(&mut stream, length).await.expect("sent");
        let read = tokio::io::AsyncReadExt::read_u8(&mut stream).await;
        assert!(read.is_err(), "length {length} is answered");
    }
    bystander.ask(ApiKey::Metadata, 1, request(ApiKey::Metadata, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_not_as_it_should_be_is_refused() {
    let broker = start_with(|config| config.segment_bytes = 1024 * 1024).await;
    broker.topic("orders", 1).await;
    let mut wire = Wire::connect(broker.address).await;
    let good = batch(&["one", "two"], NOBODY);
    let changed = |at: usize, to: u8| {
        let mut batch = BytesMut::from(good.as_ref());
        batch[at] = to;
        batch
    };
    let large = "x".repeat(2 * 1024 * 1024);
    let cases = [
        ("good", good.clone(), None),
        ("damaged", changed(70, 0xee).freeze(), Some(ResponseError::CorruptMessage)),
        ("torn", good.slice(..good.len() - 1), Some(ResponseError::CorruptMessage)),
        ("empty", Bytes::new(), Some(ResponseError::InvalidRecord)),
        ("old format", changed(16, 1).freeze(), Some(ResponseError::InvalidRecord)),
        ("two batches", Bytes::from([good.as_ref(), good.as_ref()].concat()), Some(ResponseError::InvalidRecord)),
        ("miscounted", sealed(changed(60, 3)), Some(ResponseError::InvalidRecord)),
        ("control", sealed(changed(22, 0x20)), Some(ResponseError::InvalidRecord)),
        ("transactional", sealed(changed(22, 0x10)), Some(ResponseError::InvalidTxnState)),
        ("unknown codec", sealed(changed(22, 0x07)), Some(ResponseError::UnsupportedCompressionType)),
        ("malformed record", sealed(changed(61, 0x7f)), Some(ResponseError::InvalidRecord)),
        ("too large", batch(&[&large], NOBODY), Some(ResponseError::MessageTooLarge)),
    ];
    for (what, records, expected) in cases {
        let ResponseKind::Produce(response) = wire.ask(ApiKey::Produce, 7, produce(records)).await else {
            panic!("another answer");
        };
        let answered = ResponseError::try_from_code(response.responses[0].partition_responses[0].error_code);
        assert_eq!(answered, expected, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_waits_and_a_produce_wakes_it() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    let mut reader = Wire::connect(broker.address).await;
    reader.send(ApiKey::Fetch, 11, &fetch(0, 30_000).into()).await;
    assert!(reader.is_silent(Duration::from_millis(100)).await);
    let mut writer = Wire::connect(broker.address).await;
    writer.ask(ApiKey::Produce, 7, produce(batch(&["value"], NOBODY))).await;
    let ResponseKind::Fetch(response) = reader.receive(ApiKey::Fetch, 11).await else { panic!("another answer") };
    let partition = &response.responses[0].partitions[0];
    assert_eq!(partition.high_watermark, 1);
    assert!(partition.records.as_ref().is_some_and(|records| !records.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_beyond_the_end_is_out_of_range() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    let mut wire = Wire::connect(broker.address).await;
    for offset in [1, i64::MAX, -1] {
        let ResponseKind::Fetch(response) = wire.ask(ApiKey::Fetch, 11, fetch(offset, 30_000)).await else {
            panic!("another answer");
        };
        let code = response.responses[0].partitions[0].error_code;
        assert_eq!(code, ResponseError::OffsetOutOfRange.code(), "{offset}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_acknowledgement_there_is_no_answer_and_the_records_are_there() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    let mut wire = Wire::connect(broker.address).await;
    let request = produce(batch(&["value"], NOBODY)).with_acks(0);
    wire.send(ApiKey::Produce, 7, &request.into()).await;
    // The next answer on the connection is that of the next request.
    let ResponseKind::Fetch(response) = wire.ask(ApiKey::Fetch, 4, fetch(0, 0)).await else { panic!("another answer") };
    assert_eq!(response.responses[0].partitions[0].high_watermark, 1);
}
