//! What the proxy itself publishes, over a connection of its own.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, ensure};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ApiKey, ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader, TopicName,
        produce_request::{PartitionProduceData, TopicProduceData},
    },
    protocol::{Decodable, Encodable, StrBytes},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use super::frame::{LENGTH, closed, next};

/// A version that every broker speaks.
const VERSION: i16 = 8;
const PATIENCE: Duration = Duration::from_secs(3);
/// The same in milliseconds, for the broker.
const PATIENCE_MS: i32 = 3000;

/// A batch of records, without a producer's id: the broker takes it as often as it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extra {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) records: Bytes,
}

#[derive(Debug)]
pub(super) struct Side {
    target: u16,
    stream: Option<TcpStream>,
}

impl Side {
    pub(super) fn new(target: u16) -> Self {
        Self { target, stream: None }
    }

    /// # Errors
    /// When the broker does not take it.
    pub(super) async fn publish(&mut self, extra: &Extra) -> anyhow::Result<()> {
        let published = timeout(PATIENCE, self.try_publish(extra)).await.context("no answer in time").flatten();
        if published.is_err() {
            self.stream = None;
        }
        published
    }

    async fn try_publish(&mut self, extra: &Extra) -> anyhow::Result<()> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(TcpStream::connect((Ipv4Addr::LOCALHOST, self.target)).await?),
        };
        stream.write_all(&request(extra)?).await?;
        let (mut from, _) = stream.split();
        let answer = next(&mut from, &mut BytesMut::new()).await.ok().flatten();
        let mut answer = answer.context("the broker hung up")?;
        answer.advance(LENGTH);
        ResponseHeader::decode(&mut answer, ApiKey::Produce.response_header_version(VERSION))?;
        let response = ProduceResponse::decode(&mut answer, VERSION)?;
        let partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        for partition in partitions {
            ensure!(partition.error_code == 0, "the broker refused it with code {}", partition.error_code);
        }
        Ok(())
    }
}

fn request(extra: &Extra) -> anyhow::Result<Bytes> {
    let partition =
        PartitionProduceData::default().with_index(extra.partition).with_records(Some(extra.records.clone()));
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_string(extra.topic.clone())))
        .with_partition_data(vec![partition]);
    let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(PATIENCE_MS).with_topic_data(vec![topic]);
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::Produce as i16)
        .with_request_api_version(VERSION)
        .with_client_id(Some(StrBytes::from_static_str("shopctl-proxy")));
    let mut bytes = BytesMut::with_capacity(512 + extra.records.len());
    bytes.put_bytes(0, LENGTH);
    header.encode(&mut bytes, ApiKey::Produce.request_header_version(VERSION))?;
    request.encode(&mut bytes, VERSION)?;
    closed(bytes)
}
