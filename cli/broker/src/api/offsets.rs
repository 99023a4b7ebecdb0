//! OffsetCommit, OffsetFetch and OffsetDelete.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Buf;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    GroupId, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest,
    OffsetFetchResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::{Client, code, text, topic_name};
use crate::group::{Described, Identity};
use crate::node::Node;
use crate::offsets::Committed;

/// Apache Kafka's limit, in bytes.
const MAX_METADATA: usize = 4096;

pub(super) fn commit(node: &Node, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let allowed = may_commit(node, &request);
    let mut accepted = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in topic.partitions {
            let metadata = asked.committed_metadata.map(|metadata| metadata.to_string()).unwrap_or_default();
            let result = allowed.and_then(|()| {
                node.topics.partition(&topic.name, asked.partition_index)?;
                if metadata.len() > MAX_METADATA {
                    return Err(ResponseError::OffsetMetadataTooLarge);
                }
                let offset = asked.committed_offset;
                let committed = Committed { offset, leader_epoch: asked.committed_leader_epoch, metadata };
                accepted.push(((topic.name.to_string(), asked.partition_index), committed));
                Ok(())
            });
            let response = OffsetCommitResponsePartition::default().with_partition_index(asked.partition_index);
            partitions.push(response.with_error_code(code(&result)));
        }
        topics.push(OffsetCommitResponseTopic::default().with_name(topic.name).with_partitions(partitions));
    }
    if let Err(error) = node.offsets.commit(&request.group_id, accepted) {
        tracing::error!(group = %*request.group_id, %error, "cannot write offsets");
        for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.error_code = ResponseError::CoordinatorNotAvailable.code();
        }
    }
    OffsetCommitResponse::default().with_topics(topics)
}

fn may_commit(node: &Node, request: &OffsetCommitRequest) -> Result<(), ResponseError> {
    if request.group_id.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    let instance_id = request.group_instance_id.as_ref().map(StrBytes::as_str);
    let identity = Identity { member_id: &request.member_id, instance_id };
    let generation = request.generation_id_or_member_epoch;
    // A group that is not known had its members before a restart: what they have done since then counts.
    node.groups.with(&request.group_id, |group, now| group.may_commit(identity, generation, now)).unwrap_or(Ok(()))
}

pub(super) fn fetch(node: &Node, client: &Client, request: OffsetFetchRequest) -> OffsetFetchResponse {
    if client.version >= 8 {
        let groups = request.groups.into_iter().map(|group| {
            let asked = group.topics.map(|topics| {
                topics.into_iter().map(|topic| (topic.name, topic.partition_indexes)).collect::<Vec<_>>()
            });
            let topics = found(node, &group.group_id, asked).into_iter().map(|(name, partitions)| {
                let partition = |(index, committed): (i32, Committed)| {
                    OffsetFetchResponsePartitions::default()
                        .with_partition_index(index)
                        .with_committed_offset(committed.offset)
                        .with_committed_leader_epoch(committed.leader_epoch)
                        .with_metadata(Some(text(committed.metadata)))
                };
                let partitions = partitions.into_iter().map(partition).collect();
                OffsetFetchResponseTopics::default().with_name(name).with_partitions(partitions)
            });
            OffsetFetchResponseGroup::default().with_topics(topics.collect()).with_group_id(group.group_id)
        });
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let asked = request
        .topics
        .map(|topics| topics.into_iter().map(|topic| (topic.name, topic.partition_indexes)).collect::<Vec<_>>());
    let topics = found(node, &request.group_id, asked).into_iter().map(|(name, partitions)| {
        let partition = |(index, committed): (i32, Committed)| {
            let response = OffsetFetchResponsePartition::default()
                .with_partition_index(index)
                .with_committed_offset(committed.offset)
                .with_metadata(Some(text(committed.metadata)));
            if client.version >= 5 { response.with_committed_leader_epoch(committed.leader_epoch) } else { response }
        };
        let partitions = partitions.into_iter().map(partition).collect();
        OffsetFetchResponseTopic::default().with_name(name).with_partitions(partitions)
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}

/// What a group has committed for the places asked for, or (`None`) everywhere; −1 where it has not.
fn found(
    node: &Node,
    group: &GroupId,
    asked: Option<Vec<(TopicName, Vec<i32>)>>,
) -> Vec<(TopicName, Vec<(i32, Committed)>)> {
    let nothing = || Committed { offset: -1, leader_epoch: -1, metadata: String::new() };
    if let Some(asked) = asked {
        let topic = |(name, indexes): (TopicName, Vec<i32>)| {
            let of = |index| (index, node.offsets.get(group, &name, index).unwrap_or_else(nothing));
            let partitions = indexes.into_iter().map(of).collect();
            (name, partitions)
        };
        return asked.into_iter().map(topic).collect();
    }
    let mut topics = BTreeMap::<String, Vec<(i32, Committed)>>::new();
    for ((topic, partition), committed) in node.offsets.of_group(group) {
        topics.entry(topic).or_default().push((partition, committed));
    }
    topics.into_iter().map(|(name, partitions)| (topic_name(name), partitions)).collect()
}

pub(super) fn delete(node: &Node, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let described = node.groups.describe(&request.group_id);
    let committed = node.offsets.of_group(&request.group_id);
    if described.is_none() && committed.is_empty() {
        return OffsetDeleteResponse::default().with_error_code(ResponseError::GroupIdNotFound.code());
    }
    let Some(subscribed) = described.as_ref().map_or(Some(BTreeSet::new()), subscribed) else {
        return OffsetDeleteResponse::default().with_error_code(ResponseError::NonEmptyGroup.code());
    };
    let mut forgotten = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in topic.partitions {
            let place = (topic.name.to_string(), asked.partition_index);
            let known = node.topics.partition(&topic.name, asked.partition_index).and_then(|_| {
                let used = subscribed.contains(topic.name.as_str());
                if used { Err(ResponseError::GroupSubscribedToTopic) } else { Ok(()) }
            });
            if known.is_ok() && committed.contains_key(&place) {
                forgotten.push(place);
            }
            let response = OffsetDeleteResponsePartition::default().with_partition_index(asked.partition_index);
            partitions.push(response.with_error_code(code(&known)));
        }
        topics.push(OffsetDeleteResponseTopic::default().with_name(topic.name).with_partitions(partitions));
    }
    let response = OffsetDeleteResponse::default().with_topics(topics);
    match node.offsets.forget(&request.group_id, forgotten) {
        Ok(()) => response,
        Err(error) => {
            tracing::error!(group = %*request.group_id, %error, "cannot delete offsets");
            response.with_error_code(ResponseError::CoordinatorNotAvailable.code())
        }
    }
}

/// The topics that members of a group consume, whose offsets are theirs; `None` where members do not say.
fn subscribed(group: &Described) -> Option<BTreeSet<String>> {
    let mut topics = BTreeSet::new();
    for member in &group.members {
        if group.protocol_type != "consumer" {
            return None;
        }
        let mut subscription = member.metadata.clone();
        // In every version the topics come first. Nothing has looked at this before: no length in it is believed.
        let _version = subscription.try_get_i16().ok()?;
        for _ in 0..subscription.try_get_i32().ok()? {
            let length = usize::try_from(subscription.try_get_i16().ok()?).ok()?;
            let name = (length <= subscription.len()).then(|| subscription.split_to(length))?;
            topics.insert(String::from_utf8(name.into()).ok()?);
        }
    }
    Some(topics)
}
