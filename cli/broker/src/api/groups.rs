//! ListGroups, DescribeGroups and DeleteGroups.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, GroupId,
    ListGroupsRequest, ListGroupsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::{code, text};
use crate::group::Described;
use crate::node::Node;

pub(super) fn list(node: &Node, request: &ListGroupsRequest) -> ListGroupsResponse {
    let mut groups = BTreeMap::new();
    for name in node.offsets.groups() {
        groups.insert(name, Described::empty());
    }
    groups.extend(node.groups.describe_all());
    let wanted = |group: &Described| {
        let filter = &request.states_filter;
        filter.is_empty() || filter.iter().any(|state| state.as_str().eq_ignore_ascii_case(group.state))
    };
    let listed = |(name, group): (String, Described)| {
        ListedGroup::default()
            .with_group_id(GroupId(text(name)))
            .with_protocol_type(text(group.protocol_type))
            .with_group_state(StrBytes::from_static_str(group.state))
    };
    let groups = groups.into_iter().filter(|(_, group)| wanted(group)).map(listed).collect();
    ListGroupsResponse::default().with_groups(groups)
}

pub(super) fn describe(node: &Node, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let described = |id: GroupId| {
        let group = node.groups.describe(&id);
        let known = group.or_else(|| (!node.offsets.of_group(&id).is_empty()).then(Described::empty));
        let response = DescribedGroup::default().with_group_id(id);
        // A group that does not exist is dead, and that is no error.
        let Some(group) = known else { return response.with_group_state(StrBytes::from_static_str("Dead")) };
        let members = group.members.into_iter().map(|member| {
            DescribedGroupMember::default()
                .with_member_id(text(member.id))
                .with_group_instance_id(member.instance_id.map(text))
                .with_client_id(text(member.client_id))
                .with_client_host(text(member.client_host))
                .with_member_metadata(member.metadata)
                .with_member_assignment(member.assignment)
        });
        response
            .with_group_state(StrBytes::from_static_str(group.state))
            .with_protocol_type(text(group.protocol_type))
            .with_protocol_data(text(group.protocol))
            .with_members(members.collect())
    };
    DescribeGroupsResponse::default().with_groups(request.groups.into_iter().map(described).collect())
}

pub(super) fn delete(node: &Node, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let result = |id: GroupId| {
        let result = remove(node, &id);
        DeletableGroupResult::default().with_error_code(code(&result)).with_group_id(id)
    };
    DeleteGroupsResponse::default().with_results(request.groups_names.into_iter().map(result).collect())
}

fn remove(node: &Node, group: &str) -> Result<(), ResponseError> {
    let existed = node.groups.delete(group)?;
    let offsets = node.offsets.of_group(group);
    if !existed && offsets.is_empty() {
        return Err(ResponseError::GroupIdNotFound);
    }
    node.offsets.forget(group, offsets.into_keys()).map_err(|error| {
        tracing::error!(group, %error, "cannot delete the offsets of a group");
        ResponseError::KafkaStorageError
    })
}
