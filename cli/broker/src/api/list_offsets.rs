//! ListOffsets and OffsetForLeaderEpoch: where a log begins, ends, or reached a time.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};

use super::Client;
use crate::node::Node;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const NEWEST: i64 = -3;
/// The first and only leader's epoch.
const EPOCH: i32 = 0;

/// A client that knows of another leader than this one is mistaken; −1 is one that does not care.
pub(super) fn check_epoch(epoch: i32) -> Result<(), ResponseError> {
    if epoch > EPOCH { Err(ResponseError::UnknownLeaderEpoch) } else { Ok(()) }
}

pub(super) fn list_offsets(node: &Node, client: &Client, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let topic = |topic: kafka_protocol::messages::list_offsets_request::ListOffsetsTopic| {
        let partition = |asked: &ListOffsetsPartition| {
            let response = ListOffsetsPartitionResponse::default().with_partition_index(asked.partition_index);
            let found = find(node, &topic.name, asked);
            match found {
                Ok((offset, timestamp)) => {
                    let epoch = if client.version >= 4 && offset >= 0 { EPOCH } else { -1 };
                    response.with_offset(offset).with_timestamp(timestamp).with_leader_epoch(epoch)
                }
                Err(error) => response.with_error_code(error.code()).with_offset(-1).with_timestamp(-1),
            }
        };
        let partitions = topic.partitions.iter().map(partition).collect();
        ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions)
    };
    ListOffsetsResponse::default().with_topics(request.topics.into_iter().map(topic).collect())
}

/// Offset and timestamp; −1 for both (which clients read as the end) where no record is that young.
fn find(node: &Node, topic: &str, asked: &ListOffsetsPartition) -> Result<(i64, i64), ResponseError> {
    check_epoch(asked.current_leader_epoch)?;
    let partition = node.topics.partition(topic, asked.partition_index)?;
    let log = partition.log();
    let found = match asked.timestamp {
        LATEST => return Ok((log.end(), -1)),
        EARLIEST => return Ok((log.start(), -1)),
        NEWEST => log.newest(),
        timestamp if timestamp >= 0 => log.first_since(timestamp),
        _ => return Err(ResponseError::InvalidRequest),
    };
    let found = found.map_err(|error| {
        tracing::error!(topic, partition = asked.partition_index, %error, "cannot look up a timestamp");
        ResponseError::KafkaStorageError
    })?;
    Ok(found.unwrap_or((-1, -1)))
}

pub(super) fn for_leader_epoch(node: &Node, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in topic.partitions {
            let found = check_epoch(asked.current_leader_epoch)
                .and_then(|()| node.topics.partition(&topic.topic, asked.partition));
            let response = EpochEndOffset::default().with_partition(asked.partition);
            partitions.push(match found {
                Ok(partition) if asked.leader_epoch == EPOCH => {
                    response.with_leader_epoch(EPOCH).with_end_offset(partition.log().end())
                }
                Ok(_) => response.with_leader_epoch(-1).with_end_offset(-1),
                Err(error) => response.with_error_code(error.code()).with_leader_epoch(-1).with_end_offset(-1),
            });
        }
        topics.push(OffsetForLeaderTopicResult::default().with_topic(topic.topic).with_partitions(partitions));
    }
    OffsetForLeaderEpochResponse::default().with_topics(topics)
}
