//! Kafka's protocol by hand: frames to and from a socket.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::DEADLINE;

pub(crate) struct Wire {
    stream: TcpStream,
    correlation: i32,
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.expect("connected"), correlation: 0 }
    }

    pub(crate) async fn send_raw(&mut self, frame: &[u8]) {
        let length = i32::try_from(frame.len()).expect("small");
        self.stream.write_all(&length.to_be_bytes()).await.expect("sent");
        self.stream.write_all(frame).await.expect("sent");
    }

    /// The next frame; `None` where the broker has hung up.
    pub(crate) async fn receive_raw(&mut self) -> Option<Bytes> {
        let receive = async {
            let length = self.stream.read_i32().await.ok()?;
            let mut frame = vec![0; usize::try_from(length).expect("a length")];
            self.stream.read_exact(&mut frame).await.expect("a whole frame");
            Some(Bytes::from(frame))
        };
        tokio::time::timeout(DEADLINE, receive).await.expect("an answer or the end")
    }

    /// Whether nothing comes for a while.
    pub(crate) async fn is_silent(&mut self, patience: Duration) -> bool {
        let mut byte = [0];
        tokio::time::timeout(patience, self.stream.peek(&mut byte)).await.is_err()
    }

    pub(crate) async fn send(&mut self, api: ApiKey, version: i16, request: &RequestKind) {
        self.correlation += 1;
        self.send_raw(&frame(api, version, self.correlation, request)).await;
    }

    pub(crate) async fn receive(&mut self, api: ApiKey, version: i16) -> ResponseKind {
        let mut frame = self.receive_raw().await.unwrap_or_else(|| panic!("{api:?} v{version}: hung up"));
        let header = ResponseHeader::decode(&mut frame, api.response_header_version(version)).expect("a header");
        assert_eq!(header.correlation_id, self.correlation);
        let response = ResponseKind::decode(api, &mut frame, version);
        let response = response.unwrap_or_else(|error| panic!("{api:?} v{version}: {error}"));
        assert!(!frame.has_remaining(), "{api:?} v{version}: {} bytes too many", frame.len());
        response
    }

    pub(crate) async fn ask(&mut self, api: ApiKey, version: i16, request: impl Into<RequestKind>) -> ResponseKind {
        self.send(api, version, &request.into()).await;
        self.receive(api, version).await
    }
}

/// A request as bytes, without their number in front.
pub(crate) fn frame(api: ApiKey, version: i16, correlation: i32, request: &RequestKind) -> BytesMut {
    let header = RequestHeader::default()
        .with_request_api_key(api as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_static_str("wire")));
    let mut frame = BytesMut::new();
    header.encode(&mut frame, api.request_header_version(version)).expect("a header");
    request.encode(&mut frame, version).unwrap_or_else(|error| panic!("{api:?} v{version}: {error}"));
    frame
}

/// Who made a batch: producer id, epoch and first sequence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Producer(pub(crate) i64, pub(crate) i16, pub(crate) i32);

pub(crate) const NOBODY: Producer = Producer(-1, -1, -1);

/// A batch of the values, at timestamps 1, 2, 3...
pub(crate) fn batch(values: &[&str], producer: Producer) -> Bytes {
    let record = |(index, value): (usize, &&str)| {
        let index = i32::try_from(index).expect("few");
        Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: producer.0,
            producer_epoch: producer.1,
            timestamp_type: TimestampType::Creation,
            offset: i64::from(index),
            sequence: if producer.0 < 0 { -1 + index } else { producer.2 + index },
            timestamp: i64::from(index) + 1,
            key: Some(Bytes::from_static(b"key")),
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            headers: Default::default(),
        }
    };
    let records = values.iter().enumerate().map(record).collect::<Vec<_>>();
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).expect("a batch");
    bytes.freeze()
}

/// The batch with its checksum made right again.
pub(crate) fn sealed(mut batch: BytesMut) -> Bytes {
    let crc = crc32c::crc32c(&batch[21..]);
    (&mut batch[17..21]).put_u32(crc);
    batch.freeze()
}
