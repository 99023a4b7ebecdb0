//! The responses that tell where the broker is.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kafka_protocol::{
    messages::{ApiKey, DescribeClusterResponse, FindCoordinatorResponse, MetadataResponse, ResponseHeader},
    protocol::{Decodable, Encodable, StrBytes},
};

use super::frame::{LENGTH, closed};

const HOST: &str = "127.0.0.1";

/// The kind of a request whose response tells it.
pub(super) fn is_told_by(api: i16) -> Option<ApiKey> {
    let api = ApiKey::try_from(api).ok()?;
    matches!(api, ApiKey::Metadata | ApiKey::FindCoordinator | ApiKey::DescribeCluster).then_some(api)
}

/// The same response with this port in place of every broker's.
///
/// # Errors
/// When it does not decode.
pub(super) fn told(api: ApiKey, version: i16, mut frame: Bytes, port: u16) -> anyhow::Result<Bytes> {
    frame.advance(LENGTH);
    let host = || StrBytes::from_static_str(HOST);
    let port = i32::from(port);
    match api {
        ApiKey::Metadata => changed(api, version, frame, |response: &mut MetadataResponse| {
            for broker in &mut response.brokers {
                (broker.host, broker.port) = (host(), port);
            }
        }),
        ApiKey::DescribeCluster => changed(api, version, frame, |response: &mut DescribeClusterResponse| {
            for broker in &mut response.brokers {
                (broker.host, broker.port) = (host(), port);
            }
        }),
        // An unknown coordinator has no port.
        _ => changed(api, version, frame, |response: &mut FindCoordinatorResponse| {
            if response.port > 0 {
                (response.host, response.port) = (host(), port);
            }
            for one in response.coordinators.iter_mut().filter(|one| one.port > 0) {
                (one.host, one.port) = (host(), port);
            }
        }),
    }
}

fn changed<T: Decodable + Encodable>(
    api: ApiKey,
    version: i16,
    mut frame: Bytes,
    change: impl FnOnce(&mut T),
) -> anyhow::Result<Bytes> {
    let header_version = api.response_header_version(version);
    let header = ResponseHeader::decode(&mut frame, header_version)?;
    let mut response = T::decode(&mut frame, version)?;
    change(&mut response);
    let mut bytes = BytesMut::with_capacity(512);
    bytes.put_bytes(0, LENGTH);
    header.encode(&mut bytes, header_version)?;
    response.encode(&mut bytes, version)?;
    closed(bytes)
}
