//! What becomes of what is published.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::{
    ResponseError,
    messages::{
        ApiKey, ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader,
        produce_response::{PartitionProduceResponse, TopicProduceResponse},
    },
    protocol::{Decodable, Encodable},
};
use shopctl_protocol::FaultKind;

use super::{
    batch,
    frame::{Head, LENGTH, closed},
    side::Extra,
};
use crate::{lane::Name, rules::Rules};

/// A request to publish, once all faults of its topics have had their chance.
#[derive(Debug)]
pub(super) struct Struck {
    pub(super) frame: Bytes,
    pub(super) fate: Fate,
    /// Whether the broker will answer it.
    pub(super) is_answered: bool,
    /// What is published behind it.
    pub(super) extras: Vec<Extra>,
    /// Its partitions.
    pub(super) names: Vec<Name>,
}

#[derive(Debug)]
pub(super) enum Fate {
    /// It goes on, so much later.
    Late(Duration),
    /// The same, and those of other partitions do not wait for it.
    Overtaken(Duration),
    /// It goes nowhere, and this is the answer.
    Refused(Bytes),
}

/// Tries every fault of the topics that it publishes to.
///
/// # Errors
/// When it does not decode.
pub(super) fn strike(frame: Bytes, head: Head, rules: &Rules) -> anyhow::Result<Struck> {
    let mut body = frame.slice(LENGTH..);
    let header_version = ApiKey::Produce.request_header_version(head.version);
    let header = RequestHeader::decode(&mut body, header_version)?;
    let mut request = ProduceRequest::decode(&mut body, head.version)?;
    let is_answered = request.acks != 0;
    let (mut late, mut overtaken) = (Duration::ZERO, None);
    let (mut is_refused, mut is_changed) = (false, false);
    let (mut extras, mut names) = (Vec::new(), Vec::new());
    for topic in &mut request.topic_data {
        let name = topic.name.to_string();
        for partition in &mut topic.partition_data {
            names.push((name.clone(), partition.index));
            let Some(records) = &mut partition.records else { continue };
            let extra = |records| Extra { topic: name.clone(), partition: partition.index, records };
            for active in rules.on(&name).filter(|active| active.strikes()) {
                match active.kind {
                    FaultKind::Drop => is_refused = true,
                    FaultKind::Delay { delay, jitter } => late += active.around(delay, jitter),
                    FaultKind::Reorder { within } => {
                        *records = active.with_dice(|dice| batch::shuffled(records.clone(), dice))?;
                        is_changed = true;
                        // Anything up to `within`.
                        overtaken = overtaken.max(Some(active.around(within / 2.0, within / 2.0)));
                    }
                    FaultKind::Duplicate => extras.push(extra(batch::again(records.clone())?)),
                    FaultKind::Poison => extras.push(extra(batch::poison(records.clone())?)),
                    FaultKind::Latency { .. } | FaultKind::Reset | FaultKind::Timeout | FaultKind::Refuse => {}
                }
            }
        }
    }
    let fate = match overtaken {
        _ if is_refused && is_answered => Fate::Refused(refused(&request, head)?),
        Some(more) => Fate::Overtaken(late + more),
        None => Fate::Late(late),
    };
    let frame = if is_changed { encoded(&header, header_version, &request, head.version)? } else { frame };
    Ok(Struck { frame, fate, is_answered, extras, names })
}

fn encoded(
    header: &RequestHeader,
    header_version: i16,
    request: &ProduceRequest,
    version: i16,
) -> anyhow::Result<Bytes> {
    let mut bytes = BytesMut::with_capacity(1024);
    bytes.put_bytes(0, LENGTH);
    header.encode(&mut bytes, header_version)?;
    request.encode(&mut bytes, version)?;
    closed(bytes)
}

/// The broker has none of it, and will not have it however often the client library tries: so whoever published has to.
fn refused(request: &ProduceRequest, head: Head) -> anyhow::Result<Bytes> {
    let responses = request.topic_data.iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|partition| {
            PartitionProduceResponse::default()
                .with_index(partition.index)
                .with_error_code(ResponseError::PolicyViolation.code())
                .with_base_offset(-1)
                .with_log_append_time_ms(-1)
        });
        let response = TopicProduceResponse::default().with_partition_responses(partitions.collect());
        response.with_name(topic.name.clone()).with_topic_id(topic.topic_id)
    });
    let response = ProduceResponse::default().with_responses(responses.collect());
    let mut bytes = BytesMut::with_capacity(256);
    bytes.put_bytes(0, LENGTH);
    let header = ResponseHeader::default().with_correlation_id(head.correlation);
    header.encode(&mut bytes, ApiKey::Produce.response_header_version(head.version))?;
    response.encode(&mut bytes, head.version)?;
    closed(bytes)
}
