//! Produce: batches into the logs.

use std::fs::File;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, ResponseKind};

use super::Client;
use crate::log::{Appended, Batch};
use crate::node::Node;

const NO_ACKS: i16 = 0;

pub(super) async fn produce(
    node: &Node,
    client: &Client,
    request: ProduceRequest,
) -> Result<Option<ResponseKind>, ResponseError> {
    let mut responses = Vec::with_capacity(request.topic_data.len());
    let mut failed = None;
    for topic in request.topic_data {
        let mut partitions = Vec::with_capacity(topic.partition_data.len());
        for partition in topic.partition_data {
            let records = partition.records.unwrap_or_default();
            let result = if (-1..=1).contains(&request.acks) {
                append(node, &topic.name, partition.index, records, client.version).await
            } else {
                Err(ResponseError::InvalidRequiredAcks)
            };
            failed = failed.or(result.as_ref().err().copied());
            let response = PartitionProduceResponse::default().with_index(partition.index);
            partitions.push(match result {
                Ok(Appended { base_offset, log_start, .. }) => response
                    .with_base_offset(base_offset)
                    .with_log_append_time_ms(-1)
                    .with_log_start_offset(if client.version >= 5 { log_start } else { -1 }),
                Err(error) => response.with_error_code(error.code()).with_base_offset(-1).with_log_append_time_ms(-1),
            });
        }
        responses.push(TopicProduceResponse::default().with_name(topic.name).with_partition_responses(partitions));
    }
    match failed {
        Some(error) if request.acks == NO_ACKS => Err(error),
        Some(_) | None if request.acks == NO_ACKS => Ok(None),
        Some(_) | None => Ok(Some(ProduceResponse::default().with_responses(responses).into())),
    }
}

async fn append(node: &Node, topic: &str, index: i32, records: Bytes, version: i16) -> Result<Appended, ResponseError> {
    let topic = node.topics.get(topic)?;
    let partition = topic.partition(index)?;
    let batch = Batch::accept(&records, topic.settings.max_message_bytes, version)?;
    let mut appended = partition.log().append(batch, &records, &topic.settings)?;
    partition.changed();
    if let Some(file) = appended.unsynced.take() {
        on_disk(file).await?;
    }
    Ok(appended)
}

async fn on_disk(file: File) -> Result<(), ResponseError> {
    let synced = tokio::task::spawn_blocking(move || file.sync_data()).await;
    synced.ok().and_then(Result::ok).ok_or(ResponseError::KafkaStorageError)
}
