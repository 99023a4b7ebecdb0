//! A request of every kind.

use bytes::Bytes;
use kafka_protocol::messages::{
    AlterConfigsRequest, ApiKey, ApiVersionsRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteGroupsRequest,
    DeleteRecordsRequest, DeleteTopicsRequest, DescribeClusterRequest, DescribeConfigsRequest, DescribeGroupsRequest,
    FetchRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest, IncrementalAlterConfigsRequest,
    InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest, MetadataRequest,
    OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest,
    RequestKind, SyncGroupRequest, TopicName,
};
use kafka_protocol::messages::{
    alter_configs_request, create_partitions_request, create_topics_request, delete_records_request,
    delete_topics_request, describe_configs_request, fetch_request, incremental_alter_configs_request,
    leave_group_request, list_offsets_request, metadata_request, offset_commit_request, offset_delete_request,
    offset_fetch_request, offset_for_leader_epoch_request, produce_request,
};
use kafka_protocol::protocol::StrBytes;

use crate::wire::{NOBODY, batch};

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

pub(crate) fn orders() -> TopicName {
    TopicName(text("orders"))
}

pub(crate) fn produce(records: Bytes) -> ProduceRequest {
    let partition = produce_request::PartitionProduceData::default().with_records(Some(records));
    let topic = produce_request::TopicProduceData::default().with_name(orders()).with_partition_data(vec![partition]);
    ProduceRequest::default().with_acks(-1).with_timeout_ms(1000).with_topic_data(vec![topic])
}

pub(crate) fn fetch(offset: i64, max_wait_ms: i32) -> FetchRequest {
    let partition =
        fetch_request::FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(1_000_000);
    let topic = fetch_request::FetchTopic::default().with_topic(orders()).with_partitions(vec![partition]);
    FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_wait_ms(max_wait_ms)
        .with_min_bytes(1)
        .with_max_bytes(1_000_000)
        .with_topics(vec![topic])
}

/// A request that the broker has something to say to.
pub(crate) fn request(api: ApiKey, version: i16) -> RequestKind {
    let group = GroupId(text("readers"));
    match api {
        ApiKey::Produce => produce(batch(&["value"], NOBODY)).into(),
        ApiKey::Fetch => fetch(0, 0).into(),
        ApiKey::ListOffsets => {
            let partition = list_offsets_request::ListOffsetsPartition::default().with_timestamp(-1);
            let topic =
                list_offsets_request::ListOffsetsTopic::default().with_name(orders()).with_partitions(vec![partition]);
            ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![topic]).into()
        }
        ApiKey::Metadata => {
            let topic = metadata_request::MetadataRequestTopic::default().with_name(Some(orders()));
            MetadataRequest::default().with_topics(Some(vec![topic])).into()
        }
        ApiKey::OffsetCommit => {
            let partition = offset_commit_request::OffsetCommitRequestPartition::default().with_committed_offset(1);
            let topic = offset_commit_request::OffsetCommitRequestTopic::default()
                .with_name(orders())
                .with_partitions(vec![partition]);
            OffsetCommitRequest::default().with_group_id(group).with_topics(vec![topic]).into()
        }
        ApiKey::OffsetFetch if version >= 8 => {
            let topic = offset_fetch_request::OffsetFetchRequestTopics::default()
                .with_name(orders())
                .with_partition_indexes(vec![0]);
            let group = offset_fetch_request::OffsetFetchRequestGroup::default()
                .with_group_id(group)
                .with_topics(Some(vec![topic]));
            OffsetFetchRequest::default().with_groups(vec![group]).into()
        }
        ApiKey::OffsetFetch => {
            let topic = offset_fetch_request::OffsetFetchRequestTopic::default()
                .with_name(orders())
                .with_partition_indexes(vec![0]);
            OffsetFetchRequest::default().with_group_id(group).with_topics(Some(vec![topic])).into()
        }
        ApiKey::FindCoordinator if version >= 4 => {
            FindCoordinatorRequest::default().with_coordinator_keys(vec![text("readers")]).into()
        }
        ApiKey::FindCoordinator => FindCoordinatorRequest::default().with_key(text("readers")).into(),
        ApiKey::JoinGroup => JoinGroupRequest::default().with_group_id(group).with_session_timeout_ms(10_000).into(),
        ApiKey::Heartbeat => HeartbeatRequest::default().with_group_id(group).into(),
        ApiKey::LeaveGroup if version >= 3 => {
            let member = leave_group_request::MemberIdentity::default().with_member_id(text("nobody"));
            LeaveGroupRequest::default().with_group_id(group).with_members(vec![member]).into()
        }
        ApiKey::LeaveGroup => LeaveGroupRequest::default().with_group_id(group).with_member_id(text("nobody")).into(),
        ApiKey::SyncGroup => SyncGroupRequest::default().with_group_id(group).into(),
        ApiKey::DescribeGroups => DescribeGroupsRequest::default().with_groups(vec![group]).into(),
        ApiKey::ListGroups => ListGroupsRequest::default().into(),
        ApiKey::ApiVersions => ApiVersionsRequest::default().into(),
        ApiKey::CreateTopics => {
            let topic = create_topics_request::CreatableTopic::default()
                .with_name(TopicName(StrBytes::from_string(format!("created-by-v{version}"))))
                .with_num_partitions(1)
                .with_replication_factor(1);
            CreateTopicsRequest::default().with_topics(vec![topic]).into()
        }
        ApiKey::DeleteTopics if version >= 6 => {
            let topic = delete_topics_request::DeleteTopicState::default().with_name(Some(TopicName(text("absent"))));
            DeleteTopicsRequest::default().with_topics(vec![topic]).into()
        }
        ApiKey::DeleteTopics => DeleteTopicsRequest::default().with_topic_names(vec![TopicName(text("absent"))]).into(),
        ApiKey::DeleteRecords => {
            let topic = delete_records_request::DeleteRecordsTopic::default()
                .with_name(orders())
                .with_partitions(vec![delete_records_request::DeleteRecordsPartition::default()]);
            DeleteRecordsRequest::default().with_topics(vec![topic]).into()
        }
        ApiKey::InitProducerId => InitProducerIdRequest::default().into(),
        ApiKey::OffsetForLeaderEpoch => {
            let topic = offset_for_leader_epoch_request::OffsetForLeaderTopic::default()
                .with_topic(orders())
                .with_partitions(vec![offset_for_leader_epoch_request::OffsetForLeaderPartition::default()]);
            OffsetForLeaderEpochRequest::default().with_topics(vec![topic]).into()
        }
        ApiKey::DescribeConfigs => {
            let resource = describe_configs_request::DescribeConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(text("orders"))
                .with_configuration_keys(None);
            DescribeConfigsRequest::default().with_resources(vec![resource]).with_include_synonyms(true).into()
        }
        ApiKey::AlterConfigs => {
            let resource = alter_configs_request::AlterConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(text("orders"));
            AlterConfigsRequest::default().with_resources(vec![resource]).into()
        }
        ApiKey::CreatePartitions => {
            let topic = create_partitions_request::CreatePartitionsTopic::default()
                .with_name(orders())
                .with_count(9)
                .with_assignments(None);
            CreatePartitionsRequest::default().with_topics(vec![topic]).with_validate_only(true).into()
        }
        ApiKey::DeleteGroups => DeleteGroupsRequest::default().with_groups_names(vec![group]).into(),
        ApiKey::IncrementalAlterConfigs => {
            let resource = incremental_alter_configs_request::AlterConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(text("orders"));
            IncrementalAlterConfigsRequest::default().with_resources(vec![resource]).into()
        }
        ApiKey::OffsetDelete => {
            let topic = offset_delete_request::OffsetDeleteRequestTopic::default()
                .with_name(orders())
                .with_partitions(vec![offset_delete_request::OffsetDeleteRequestPartition::default()]);
            OffsetDeleteRequest::default().with_group_id(group).with_topics(vec![topic]).into()
        }
        ApiKey::DescribeCluster => DescribeClusterRequest::default().into(),
        other => panic!("{other:?} is announced, and nothing here asks for it"),
    }
}
