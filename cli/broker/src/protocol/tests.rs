//! Whatever bytes come in, decoding ends in a request or an error: no panic, and no memory that the bytes don't earn.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader};
use kafka_protocol::protocol::Encodable;
use proptest::prelude::*;

use super::{Malformed, SUPPORTED, decode};

/// A request header that decodes, for an api and version that are supported.
fn header(api: ApiKey, version: i16) -> BytesMut {
    let header = RequestHeader::default().with_request_api_key(api as i16).with_request_api_version(version);
    let mut bytes = BytesMut::new();
    header.encode(&mut bytes, api.request_header_version(version)).expect("a header");
    bytes
}

fn supported() -> impl Strategy<Value = (ApiKey, i16)> {
    let versions = SUPPORTED.iter().flat_map(|(api, versions)| (versions.min..=versions.max).map(|v| (*api, v)));
    proptest::sample::select(versions.collect::<Vec<_>>())
}

/// Bytes as they stand in requests: mostly small numbers, lengths that are far too large, text.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => (0_u8..4).prop_map(|byte| vec![byte]),
        2 => any::<u8>().prop_map(|byte| vec![byte]),
        2 => (0_i16..8).prop_map(|number| number.to_be_bytes().to_vec()),
        2 => (0_i32..8).prop_map(|number| number.to_be_bytes().to_vec()),
        1 => any::<i32>().prop_map(|number| number.to_be_bytes().to_vec()),
        1 => Just(vec![0x7f, 0xff, 0xff, 0xff]),
        1 => Just(vec![0xff, 0xff, 0xff, 0xff, 0x0f]),
        1 => "[a-z]{0,8}".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn any_body_of_any_request_is_decoded_or_refused((api, version) in supported(), body in body()) {
        let mut frame = header(api, version);
        frame.put_slice(&body);
        let decoded = decode(frame.freeze());
        let expected = matches!(decoded, Ok(_) | Err(Malformed::Undecodable { .. }));
        prop_assert!(expected);
    }

    #[test]
    fn any_bytes_at_all_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(decode(Bytes::from(bytes)));
    }
}

#[test]
fn a_length_that_the_bytes_cannot_hold_is_refused_before_memory_is_taken_for_it() {
    for (api, versions) in SUPPORTED {
        for version in versions.min..=versions.max {
            // Wherever in the body the length stands, in either encoding.
            for position in 0..40 {
                for length in [[0x7f, 0xff, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0xff, 0x0f]] {
                    let mut frame = header(*api, version);
                    frame.put_bytes(0, position);
                    frame.put_slice(&length);
                    drop(decode(frame.freeze()));
                }
            }
        }
    }
}
