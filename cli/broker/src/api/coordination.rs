//! FindCoordinator and the requests by which members live in a group.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::{Client, code, text};
use crate::group::{Identity, Join, JoinResult, Refused};
use crate::node::{ID, Node};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// A member that gives the others no time at all would keep the group from ever settling.
const MIN_REBALANCE: Duration = Duration::from_millis(100);

pub(super) fn find_coordinator(client: &Client, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let (host, port) = client.advertised.clone();
    let (host, port) = (text(host), i32::from(port));
    let refusal = match request.key_type {
        GROUP => None,
        TRANSACTION => Some((
            ResponseError::TransactionalIdAuthorizationFailed,
            StrBytes::from_static_str("the embedded broker has no transactions"),
        )),
        _ => Some((ResponseError::InvalidRequest, StrBytes::from_static_str("unknown type of coordinator"))),
    };
    if client.version >= 4 {
        let coordinator = |key| match &refusal {
            None => {
                Coordinator::default().with_key(key).with_node_id(BrokerId(ID)).with_host(host.clone()).with_port(port)
            }
            Some((error, message)) => Coordinator::default()
                .with_key(key)
                .with_node_id(BrokerId(-1))
                .with_port(-1)
                .with_error_code(error.code())
                .with_error_message(Some(message.clone())),
        };
        let coordinators = request.coordinator_keys.into_iter().map(coordinator).collect();
        return FindCoordinatorResponse::default().with_coordinators(coordinators);
    }
    let response = FindCoordinatorResponse::default();
    match refusal {
        None => response.with_node_id(BrokerId(ID)).with_host(host).with_port(port),
        Some((error, message)) => {
            let response = response.with_error_code(error.code()).with_node_id(BrokerId(-1)).with_port(-1);
            if client.version >= 1 { response.with_error_message(Some(message)) } else { response }
        }
    }
}

fn identity<'a>(member_id: &'a StrBytes, instance_id: Option<&'a StrBytes>) -> Identity<'a> {
    Identity { member_id, instance_id: instance_id.map(StrBytes::as_str) }
}

pub(super) async fn join(node: &Node, client: &Client, request: JoinGroupRequest) -> JoinGroupResponse {
    let result = admitted(node, client, request).await;
    let response = JoinGroupResponse::default();
    let joined = match result {
        Ok(joined) => joined,
        Err(refused) => {
            let protocol = if client.version >= 7 { None } else { Some(StrBytes::new()) };
            return response
                .with_error_code(refused.error.code())
                .with_generation_id(-1)
                .with_protocol_name(protocol)
                .with_member_id(text(refused.member_id));
        }
    };
    // Before v9 a leader cannot be told to skip the assignment. It must not take itself for the leader then.
    let demoted = joined.skip_assignment && client.version < 9;
    let member = |(id, instance, metadata): (String, Option<String>, bytes::Bytes)| {
        let member = JoinGroupResponseMember::default().with_member_id(text(id)).with_metadata(metadata);
        if client.version >= 5 { member.with_group_instance_id(instance.map(text)) } else { member }
    };
    let members = if demoted { Vec::new() } else { joined.members.into_iter().map(member).collect() };
    let response = response
        .with_generation_id(joined.generation)
        .with_protocol_name(Some(text(joined.protocol)))
        .with_leader(if demoted { StrBytes::new() } else { text(joined.leader) })
        .with_skip_assignment(joined.skip_assignment && !demoted)
        .with_member_id(text(joined.member_id))
        .with_members(members);
    if client.version >= 7 { response.with_protocol_type(Some(text(joined.protocol_type))) } else { response }
}

async fn admitted(node: &Node, client: &Client, request: JoinGroupRequest) -> JoinResult {
    let member_id = request.member_id.to_string();
    let refuse = |error| Err(Refused { error, member_id: member_id.clone() });
    if request.group_id.is_empty() {
        return refuse(ResponseError::InvalidGroupId);
    }
    let session_timeout = Duration::from_millis(u64::try_from(request.session_timeout_ms).unwrap_or(0));
    if !(node.config.min_session_timeout..=node.config.max_session_timeout).contains(&session_timeout) {
        return refuse(ResponseError::InvalidSessionTimeout);
    }
    // v0 has no rebalance timeout: the session's counts.
    let rebalance_timeout = u64::try_from(request.rebalance_timeout_ms).map_or(session_timeout, Duration::from_millis);
    let join = Join {
        member_id: member_id.clone(),
        instance_id: request.group_instance_id.map(|id| id.to_string()),
        client_id: client.id.clone(),
        client_host: format!("/{}", client.host),
        session_timeout,
        rebalance_timeout: rebalance_timeout.max(MIN_REBALANCE),
        protocol_type: request.protocol_type.to_string(),
        protocols: request
            .protocols
            .into_iter()
            .map(|protocol| (protocol.name.to_string(), protocol.metadata))
            .collect(),
        id_required: client.version >= 4,
    };
    node.groups.join(&request.group_id, join).await
}

pub(super) async fn sync(node: &Node, request: SyncGroupRequest) -> SyncGroupResponse {
    let identity = identity(&request.member_id, request.group_instance_id.as_ref());
    let protocol = request.protocol_type.as_deref().zip(request.protocol_name.as_deref());
    let assignments =
        request.assignments.into_iter().map(|given| (given.member_id.to_string(), given.assignment)).collect();
    let waiting = node
        .groups
        .with(&request.group_id, |group, now| group.sync(identity, request.generation_id, protocol, assignments, now));
    let result = match waiting {
        Some(waiting) => waiting.await.unwrap_or(Err(ResponseError::RebalanceInProgress)),
        None => Err(ResponseError::UnknownMemberId),
    };
    match result {
        Ok(synced) => SyncGroupResponse::default()
            .with_protocol_type(Some(text(synced.protocol_type)))
            .with_protocol_name(Some(text(synced.protocol)))
            .with_assignment(synced.assignment),
        Err(error) => SyncGroupResponse::default().with_error_code(error.code()),
    }
}

pub(super) fn heartbeat(node: &Node, request: &HeartbeatRequest) -> HeartbeatResponse {
    let identity = identity(&request.member_id, request.group_instance_id.as_ref());
    let result =
        node.groups.with(&request.group_id, |group, now| group.heartbeat(identity, request.generation_id, now));
    HeartbeatResponse::default().with_error_code(code(&result.unwrap_or(Err(ResponseError::UnknownMemberId))))
}

pub(super) fn leave(node: &Node, client: &Client, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let leave = |member: &MemberIdentity| {
        let identity = identity(&member.member_id, member.group_instance_id.as_ref());
        let result = node.groups.with(&request.group_id, |group, now| group.leave(identity, now));
        code(&result.unwrap_or(Err(ResponseError::UnknownMemberId)))
    };
    if client.version < 3 {
        let member = MemberIdentity::default().with_member_id(request.member_id.clone()).with_group_instance_id(None);
        return LeaveGroupResponse::default().with_error_code(leave(&member));
    }
    let response = |member: &MemberIdentity| {
        MemberResponse::default()
            .with_error_code(leave(member))
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(member.group_instance_id.clone())
    };
    LeaveGroupResponse::default().with_members(request.members.iter().map(response).collect())
}
