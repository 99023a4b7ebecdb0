//! What the broker answers: one file per part of the protocol.
//!
//! `kafka-protocol` refuses to encode a field that the version does not have, so an answer sets such fields only where
//! they exist.

mod configs;
mod coordination;
mod delete_records;
mod fetch;
mod groups;
mod list_offsets;
mod metadata;
mod offsets;
mod partitions;
mod produce;
mod producer_ids;
mod topics;
pub(crate) mod versions;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ResponseKind, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::node::Node;
use crate::protocol::Request;

/// Who asks, and in which version.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) host: String,
    /// Where this client is told to find the broker.
    pub(crate) advertised: (String, u16),
    pub(crate) version: i16,
}

/// `None`: the client wants no answer. An error is one that a client without an answer can only learn by losing its
/// connection.
pub(crate) async fn answer(
    node: &Node,
    client: &Client,
    request: Request,
) -> Result<Option<ResponseKind>, ResponseError> {
    let response = match request {
        Request::Produce(request) => return produce::produce(node, client, request).await,
        Request::Fetch(request) => fetch::fetch(node, request).await.into(),
        Request::ListOffsets(request) => list_offsets::list_offsets(node, client, request).into(),
        Request::Metadata(request) => metadata::metadata(node, client, request).into(),
        Request::OffsetCommit(request) => offsets::commit(node, request).into(),
        Request::OffsetFetch(request) => offsets::fetch(node, client, request).into(),
        Request::FindCoordinator(request) => coordination::find_coordinator(client, request).into(),
        Request::JoinGroup(request) => coordination::join(node, client, request).await.into(),
        Request::Heartbeat(request) => coordination::heartbeat(node, &request).into(),
        Request::LeaveGroup(request) => coordination::leave(node, client, request).into(),
        Request::SyncGroup(request) => coordination::sync(node, request).await.into(),
        Request::DescribeGroups(request) => groups::describe(node, request).into(),
        Request::ListGroups(request) => groups::list(node, &request).into(),
        Request::ApiVersions(_) => versions::supported().into(),
        Request::CreateTopics(request) => topics::create(node, client, request).into(),
        Request::DeleteTopics(request) => topics::delete(node, client, request).into(),
        Request::DeleteRecords(request) => delete_records::delete_records(node, request).into(),
        Request::InitProducerId(request) => producer_ids::init(node, &request).into(),
        Request::OffsetForLeaderEpoch(request) => list_offsets::for_leader_epoch(node, request).into(),
        Request::DescribeConfigs(request) => configs::describe(node, &request).into(),
        Request::AlterConfigs(request) => configs::alter(node, request).into(),
        Request::CreatePartitions(request) => partitions::create(node, request).into(),
        Request::DeleteGroups(request) => groups::delete(node, request).into(),
        Request::IncrementalAlterConfigs(request) => configs::alter_incrementally(node, request).into(),
        Request::OffsetDelete(request) => offsets::delete(node, request).into(),
        Request::DescribeCluster(_) => metadata::cluster(node, client).into(),
    };
    Ok(Some(response))
}

/// Kafka's code for an outcome: 0 is success.
fn code<T>(result: &Result<T, ResponseError>) -> i16 {
    result.as_ref().err().map_or(0, ResponseError::code)
}

fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

fn topic_name(name: impl Into<String>) -> TopicName {
    TopicName(text(name))
}

/// A refusal that carries words for people, where the version has room for them.
#[derive(Debug)]
struct Refusal {
    error: ResponseError,
    message: String,
}

impl Refusal {
    fn new(error: ResponseError, message: impl Into<String>) -> Self {
        Self { error, message: message.into() }
    }
}

impl From<ResponseError> for Refusal {
    fn from(error: ResponseError) -> Self {
        Self { error, message: error.to_string() }
    }
}

/// Code and message of an outcome.
fn outcome<T>(result: &Result<T, Refusal>) -> (i16, Option<StrBytes>) {
    match result {
        Ok(_) => (0, None),
        Err(refusal) => (refusal.error.code(), Some(text(&refusal.message))),
    }
}
