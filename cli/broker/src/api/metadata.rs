//! Metadata and DescribeCluster: the one broker and the topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, DescribeClusterResponse, MetadataRequest, MetadataResponse, TopicName};

use super::{Client, text, topic_name};
use crate::node::{ID, Node};
use crate::topics::{Topic, is_valid_name};

pub(super) fn metadata(node: &Node, client: &Client, request: MetadataRequest) -> MetadataResponse {
    let everything = request.topics.is_none() || (client.version == 0 && request.topics.as_deref() == Some(&[]));
    let may_create = node.config.auto_create_topics && (client.version < 4 || request.allow_auto_topic_creation);
    let topics = if everything {
        node.topics.all().iter().map(|topic| described(topic)).collect()
    } else {
        request.topics.into_iter().flatten().map(|topic| one(node, client, topic, may_create)).collect()
    };
    let (host, port) = client.advertised.clone();
    let broker =
        MetadataResponseBroker::default().with_node_id(BrokerId(ID)).with_host(text(host)).with_port(i32::from(port));
    let response =
        MetadataResponse::default().with_brokers(vec![broker]).with_controller_id(BrokerId(ID)).with_topics(topics);
    if client.version >= 2 { response.with_cluster_id(Some(text(&node.identity.cluster_id))) } else { response }
}

fn one(node: &Node, client: &Client, asked: MetadataRequestTopic, may_create: bool) -> MetadataResponseTopic {
    let Some(name) = asked.name else {
        return match node.topics.with_id(asked.topic_id) {
            Some(topic) => described(&topic),
            None => MetadataResponseTopic::default()
                // Only v12 can say that there is no name.
                .with_name((client.version < 12).then(TopicName::default))
                .with_topic_id(asked.topic_id)
                .with_error_code(ResponseError::UnknownTopicId.code()),
        };
    };
    match find(node, &name, may_create) {
        Ok(topic) => described(&topic),
        Err(error) => MetadataResponseTopic::default().with_name(Some(name)).with_error_code(error.code()),
    }
}

fn find(node: &Node, name: &TopicName, may_create: bool) -> Result<Arc<Topic>, ResponseError> {
    if !is_valid_name(name) {
        return Err(ResponseError::InvalidTopicException);
    }
    match node.topics.get(name) {
        Err(_) if may_create => {
            match node.topics.create(name, usize::from(node.config.default_partitions), BTreeMap::new()) {
                // Another client was faster.
                Err(ResponseError::TopicAlreadyExists) => node.topics.get(name),
                created => created,
            }
        }
        found => found,
    }
}

fn described(topic: &Topic) -> MetadataResponseTopic {
    let partition = |index: usize| {
        MetadataResponsePartition::default()
            .with_partition_index(i32::try_from(index).unwrap_or(i32::MAX))
            .with_leader_id(BrokerId(ID))
            .with_leader_epoch(0)
            .with_replica_nodes(vec![BrokerId(ID)])
            .with_isr_nodes(vec![BrokerId(ID)])
    };
    MetadataResponseTopic::default()
        .with_name(Some(topic_name(&topic.name)))
        .with_topic_id(topic.id)
        .with_partitions((0..topic.partitions.len()).map(partition).collect())
}

pub(super) fn cluster(node: &Node, client: &Client) -> DescribeClusterResponse {
    let (host, port) = client.advertised.clone();
    let broker =
        DescribeClusterBroker::default().with_broker_id(BrokerId(ID)).with_host(text(host)).with_port(i32::from(port));
    DescribeClusterResponse::default()
        .with_cluster_id(text(&node.identity.cluster_id))
        .with_controller_id(BrokerId(ID))
        .with_brokers(vec![broker])
}
