//! The requests that the broker answers, with the versions of each.

use kafka_protocol::messages::{
    AlterConfigsRequest, ApiKey, ApiVersionsRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteGroupsRequest,
    DeleteRecordsRequest, DeleteTopicsRequest, DescribeClusterRequest, DescribeConfigsRequest, DescribeGroupsRequest,
    FetchRequest, FindCoordinatorRequest, HeartbeatRequest, IncrementalAlterConfigsRequest, InitProducerIdRequest,
    JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::{Decodable, VersionRange};

use super::guarded::Guarded;

macro_rules! requests {
    ($($api:ident($body:ty) $min:literal..=$max:literal,)*) => {
        #[derive(Debug)]
        #[expect(dead_code, reason = "ApiVersions and DescribeCluster ask for nothing in particular")]
        pub(crate) enum Request {
            $($api($body),)*
        }

        /// What ApiVersions announces.
        pub(crate) const SUPPORTED: &[(ApiKey, VersionRange)] =
            &[$((ApiKey::$api, VersionRange { min: $min, max: $max }),)*];

        impl Request {
            /// `None`: an api that is not in the table.
            pub(super) fn decode(api: ApiKey, version: i16, bytes: &mut Guarded) -> anyhow::Result<Option<Self>> {
                match api {
                    $(ApiKey::$api => Ok(Some(Self::$api(<$body>::decode(bytes, version)?))),)*
                    _ => Ok(None),
                }
            }
        }
    };
}

// Upper ends stop where a version would bring what a single node without transactions has no use for: topic ids in
// Fetch (13) and Produce (13), the consumer protocol of KIP-848 in OffsetCommit and OffsetFetch (9).
requests! {
    Produce(ProduceRequest) 3..=9,
    Fetch(FetchRequest) 4..=12,
    ListOffsets(ListOffsetsRequest) 1..=7,
    Metadata(MetadataRequest) 0..=12,
    OffsetCommit(OffsetCommitRequest) 2..=8,
    OffsetFetch(OffsetFetchRequest) 1..=8,
    FindCoordinator(FindCoordinatorRequest) 0..=4,
    JoinGroup(JoinGroupRequest) 0..=9,
    Heartbeat(HeartbeatRequest) 0..=4,
    LeaveGroup(LeaveGroupRequest) 0..=5,
    SyncGroup(SyncGroupRequest) 0..=5,
    DescribeGroups(DescribeGroupsRequest) 0..=5,
    ListGroups(ListGroupsRequest) 0..=4,
    ApiVersions(ApiVersionsRequest) 0..=4,
    CreateTopics(CreateTopicsRequest) 2..=7,
    DeleteTopics(DeleteTopicsRequest) 1..=6,
    DeleteRecords(DeleteRecordsRequest) 0..=2,
    InitProducerId(InitProducerIdRequest) 0..=4,
    OffsetForLeaderEpoch(OffsetForLeaderEpochRequest) 2..=4,
    DescribeConfigs(DescribeConfigsRequest) 1..=4,
    AlterConfigs(AlterConfigsRequest) 0..=2,
    CreatePartitions(CreatePartitionsRequest) 0..=3,
    DeleteGroups(DeleteGroupsRequest) 0..=2,
    IncrementalAlterConfigs(IncrementalAlterConfigsRequest) 0..=1,
    OffsetDelete(OffsetDeleteRequest) 0..=0,
    DescribeCluster(DescribeClusterRequest) 0..=1,
}

/// The versions of an api, if the broker has it.
pub(crate) fn versions(api: ApiKey) -> Option<VersionRange> {
    SUPPORTED.iter().find(|(supported, _)| *supported == api).map(|(_, versions)| *versions)
}
