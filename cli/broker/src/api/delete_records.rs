//! DeleteRecords: the beginning of a log moves forward.

use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

use super::code;
use crate::node::Node;

pub(super) fn delete_records(node: &Node, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in topic.partitions {
            let found = node.topics.partition(&topic.name, asked.partition_index);
            let result = found.and_then(|partition| {
                let start = partition.log().delete_before(asked.offset)?;
                partition.changed();
                Ok(start)
            });
            let response = DeleteRecordsPartitionResult::default().with_partition_index(asked.partition_index);
            let response = response.with_error_code(code(&result)).with_low_watermark(result.unwrap_or(-1));
            partitions.push(response);
        }
        topics.push(DeleteRecordsTopicResult::default().with_name(topic.name).with_partitions(partitions));
    }
    DeleteRecordsResponse::default().with_topics(topics)
}
