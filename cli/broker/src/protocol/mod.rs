//! From a frame's bytes to a request and from a response to a frame's bytes. Nothing here panics on what comes in.

mod guarded;
mod requests;
#[cfg(test)]
mod tests;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::{Decodable, Encodable};

use guarded::Guarded;
pub(crate) use requests::{Request, SUPPORTED, versions};

/// The largest request that is read, in bytes. Apache Kafka allows 100 MiB; the largest batch here is 16 MiB.
pub(crate) const MAX_FRAME: usize = 32 * 1024 * 1024;

/// Why a frame is answered by closing the connection, as Apache Kafka does.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("frame of {0} bytes is too short for a request header")]
    TooShort(usize),
    #[error("api key {0} is not supported")]
    UnknownApi(i16),
    #[error("version {version} of {api:?} is not supported")]
    UnsupportedVersion { api: ApiKey, version: i16 },
    #[error("{api:?} v{version} does not decode: {reason}")]
    Undecodable { api: ApiKey, version: i16, reason: String },
}

/// What every frame begins with, whatever its version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preamble {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation: i32,
}

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) client_id: String,
    pub(crate) request: Request,
}

impl Preamble {
    pub(crate) fn peek(frame: &Bytes) -> Result<Self, Malformed> {
        let mut head = frame.as_ref();
        if head.len() < 8 {
            return Err(Malformed::TooShort(head.len()));
        }
        let key = head.get_i16();
        let api = ApiKey::try_from(key).map_err(|()| Malformed::UnknownApi(key))?;
        Ok(Self { api, version: head.get_i16(), correlation: head.get_i32() })
    }

    /// Whether this is a version that the broker speaks.
    pub(crate) fn is_supported(&self) -> bool {
        versions(self.api).is_some_and(|versions| (versions.min..=versions.max).contains(&self.version))
    }
}

/// Decodes a whole frame (without its length).
pub(crate) fn decode(frame: Bytes) -> Result<Frame, Malformed> {
    let preamble = Preamble::peek(&frame)?;
    let Preamble { api, version, .. } = preamble;
    if !preamble.is_supported() {
        return Err(Malformed::UnsupportedVersion { api, version });
    }
    let header_version = api.request_header_version(version);
    let parse = |mut bytes: Guarded| -> anyhow::Result<(RequestHeader, Option<Request>)> {
        let header = RequestHeader::decode(&mut bytes, header_version)?;
        Ok((header, Request::decode(api, version, &mut bytes)?))
    };
    let undecodable = |error: anyhow::Error| Malformed::Undecodable { api, version, reason: error.to_string() };
    parse(Guarded::probe(frame.clone())).map_err(undecodable)?;
    let (header, request) = parse(Guarded::trusted(frame)).map_err(undecodable)?;
    let request = request.ok_or(Malformed::UnsupportedVersion { api, version })?;
    let client_id = header.client_id.map(|id| id.to_string()).unwrap_or_default();
    Ok(Frame { client_id, request })
}

/// Encodes a response with its header and the length in front.
pub(crate) fn encode(preamble: Preamble, response: &ResponseKind) -> anyhow::Result<BytesMut> {
    let records = match response {
        ResponseKind::Fetch(fetch) => {
            let partitions = fetch.responses.iter().flat_map(|topic| &topic.partitions);
            partitions.filter_map(|partition| partition.records.as_ref()).map(Bytes::len).sum()
        }
        _ => 0,
    };
    let mut frame = BytesMut::with_capacity(512 + records);
    frame.put_i32(0);
    let header = ResponseHeader::default().with_correlation_id(preamble.correlation);
    header.encode(&mut frame, preamble.api.response_header_version(preamble.version))?;
    response.encode(&mut frame, preamble.version)?;
    let length = i32::try_from(frame.len() - 4)?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame)
}
