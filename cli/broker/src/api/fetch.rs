//! Fetch: batches out of the logs, at once or when there are enough.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::log::Partition;
use crate::node::Node;

/// The most that one response carries, whatever is asked for, in bytes.
const MAX_RESPONSE: usize = 64 * 1024 * 1024;

/// What has been gathered so far.
struct Gathered {
    topics: Vec<FetchableTopicResponse>,
    bytes: usize,
    /// Something that the client must hear without delay.
    urgent: bool,
}

pub(super) async fn fetch(node: &Node, request: FetchRequest) -> FetchResponse {
    // Sessions are declined: the broker never gives an id, so a client that names one means another broker.
    if request.session_id != 0 {
        return FetchResponse::default().with_error_code(ResponseError::FetchSessionIdNotFound.code());
    }
    let enough = usize::try_from(request.min_bytes).unwrap_or(0);
    let patience = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let deadline = Instant::now() + patience;
    loop {
        let changed = Arc::new(Notify::new());
        for (topic, partition) in places(&request) {
            if let Ok(partition) = node.topics.partition(topic, partition.partition) {
                partition.watch(&changed);
            }
        }
        let gathered = gather(node, &request);
        let done = gathered.bytes >= enough || gathered.urgent || Instant::now() >= deadline;
        if done || timeout_at(deadline, changed.notified()).await.is_err() {
            return FetchResponse::default().with_responses(gathered.topics);
        }
    }
}

fn places(request: &FetchRequest) -> impl Iterator<Item = (&str, &FetchPartition)> {
    request.topics.iter().flat_map(|topic| topic.partitions.iter().map(|partition| (topic.topic.as_str(), partition)))
}

fn gather(node: &Node, request: &FetchRequest) -> Gathered {
    let limit = usize::try_from(request.max_bytes).unwrap_or(0).min(MAX_RESPONSE);
    let mut gathered = Gathered { topics: Vec::with_capacity(request.topics.len()), bytes: 0, urgent: false };
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let left = limit.saturating_sub(gathered.bytes);
            let max = usize::try_from(asked.partition_max_bytes).unwrap_or(0).min(left);
            // A batch that is larger than all limits is given alone: the client would never get past it otherwise.
            let at_least_one = gathered.bytes == 0;
            let found = node.topics.partition(&topic.topic, asked.partition);
            let data = found.and_then(|partition| read(&partition, asked, max, at_least_one));
            let data = data.unwrap_or_else(|error| {
                gathered.urgent = true;
                refused(node, &topic.topic, asked, error)
            });
            gathered.bytes += data.records.as_ref().map_or(0, Bytes::len);
            partitions.push(data);
        }
        gathered
            .topics
            .push(FetchableTopicResponse::default().with_topic(topic.topic.clone()).with_partitions(partitions));
    }
    gathered
}

fn read(
    partition: &Partition,
    asked: &FetchPartition,
    max: usize,
    at_least_one: bool,
) -> Result<PartitionData, ResponseError> {
    super::list_offsets::check_epoch(asked.current_leader_epoch)?;
    let log = partition.log();
    let records = log.read(asked.fetch_offset, max, at_least_one)?;
    Ok(PartitionData::default()
        .with_partition_index(asked.partition)
        .with_high_watermark(log.end())
        .with_last_stable_offset(log.end())
        .with_log_start_offset(log.start())
        .with_records(Some(records)))
}

fn refused(node: &Node, topic: &str, asked: &FetchPartition, error: ResponseError) -> PartitionData {
    let data = PartitionData::default()
        .with_partition_index(asked.partition)
        .with_error_code(error.code())
        .with_high_watermark(-1)
        .with_records(Some(Bytes::new()));
    match node.topics.partition(topic, asked.partition) {
        Ok(partition) => {
            let log = partition.log();
            data.with_high_watermark(log.end()).with_last_stable_offset(log.end()).with_log_start_offset(log.start())
        }
        Err(_) => data,
    }
}
