//! CreateTopics and DeleteTopics.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse};

use super::{Client, Refusal, configs, outcome, text, topic_name};
use crate::node::{ID, Node};
use crate::settings::{self, DEFINITIONS};
use crate::topics::{MAX_PARTITIONS, Topic, is_valid_name, repeated};

/// What a request for a topic comes to.
struct Plan {
    partitions: usize,
    configs: BTreeMap<String, String>,
}

pub(super) fn create(node: &Node, client: &Client, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let repeated = repeated(request.topics.iter().map(|topic| topic.name.as_str()));
    let mut topics = Vec::with_capacity(request.topics.len());
    for asked in &request.topics {
        let result = if repeated.contains(asked.name.as_str()) {
            Err(Refusal::new(ResponseError::InvalidRequest, "the topic stands more than once in the request"))
        } else {
            plan(node, asked).and_then(|plan| carry_out(node, asked, plan, request.validate_only))
        };
        topics.push(result_of(node, client, asked, result));
    }
    CreateTopicsResponse::default().with_topics(topics)
}

fn plan(node: &Node, asked: &CreatableTopic) -> Result<Plan, Refusal> {
    if !is_valid_name(&asked.name) {
        let message = "a topic's name has 1 to 249 letters, digits, dots, underscores and hyphens";
        return Err(Refusal::new(ResponseError::InvalidTopicException, message));
    }
    let partitions = if asked.assignments.is_empty() {
        replication(asked.replication_factor)?;
        match asked.num_partitions {
            -1 => usize::from(node.config.default_partitions),
            count => partitions(count)?,
        }
    } else {
        assigned(asked)?
    };
    let mut configs = BTreeMap::new();
    for config in &asked.configs {
        let value = config.value.as_deref().unwrap_or_default();
        settings::check(&config.name, value).map_err(|why| Refusal::new(ResponseError::InvalidConfig, why))?;
        configs.insert(config.name.to_string(), value.to_owned());
    }
    Ok(Plan { partitions, configs })
}

fn replication(factor: i16) -> Result<(), Refusal> {
    match factor {
        -1 | 1 => Ok(()),
        ..=0 => Err(Refusal::new(ResponseError::InvalidReplicationFactor, "the replication factor must be above 0")),
        2.. => Err(Refusal::new(
            ResponseError::InvalidReplicationFactor,
            format!("replication factor {factor} is larger than the number of brokers, 1"),
        )),
    }
}

/// Checks the number of partitions that a topic is to have.
pub(super) fn partitions(count: i32) -> Result<usize, Refusal> {
    if !(1..=MAX_PARTITIONS).contains(&count) {
        let message = format!("the embedded broker takes 1 to {MAX_PARTITIONS} partitions a topic, not {count}");
        return Err(Refusal::new(ResponseError::InvalidPartitions, message));
    }
    usize::try_from(count).map_err(|_| ResponseError::InvalidPartitions.into())
}

/// The number of partitions where the client says which broker holds which: all must be this one.
fn assigned(asked: &CreatableTopic) -> Result<usize, Refusal> {
    if asked.num_partitions != -1 || asked.replication_factor != -1 {
        let message = "either the partitions are assigned or they are counted, not both";
        return Err(Refusal::new(ResponseError::InvalidRequest, message));
    }
    let mut indexes = asked.assignments.iter().map(|assignment| assignment.partition_index).collect::<Vec<_>>();
    indexes.sort_unstable();
    let consecutive = indexes.iter().zip(0..).all(|(index, expected)| *index == expected);
    let here = asked.assignments.iter().all(|assignment| assignment.broker_ids.iter().map(|id| id.0).eq([ID]));
    if !consecutive || !here {
        let message = format!("partitions must be numbered from 0 and each assigned to broker {ID} alone");
        return Err(Refusal::new(ResponseError::InvalidReplicaAssignment, message));
    }
    partitions(i32::try_from(indexes.len()).unwrap_or(i32::MAX))
}

/// `None`: it was only to be validated.
fn carry_out(
    node: &Node,
    asked: &CreatableTopic,
    plan: Plan,
    validate_only: bool,
) -> Result<(Plan, Option<Arc<Topic>>), Refusal> {
    let exists = || Refusal::new(ResponseError::TopicAlreadyExists, format!("topic {} already exists", *asked.name));
    if node.topics.get(&asked.name).is_ok() {
        return Err(exists());
    }
    if let Some(other) = node.topics.colliding(&asked.name) {
        let message = format!("topic {} collides with topic {}: dots and underscores are one", *asked.name, other.name);
        return Err(Refusal::new(ResponseError::InvalidTopicException, message));
    }
    if validate_only {
        return Ok((plan, None));
    }
    match node.topics.create(&asked.name, plan.partitions, plan.configs.clone()) {
        Ok(topic) => Ok((plan, Some(topic))),
        Err(ResponseError::TopicAlreadyExists) => Err(exists()),
        Err(error) => Err(error.into()),
    }
}

fn result_of(
    node: &Node,
    client: &Client,
    asked: &CreatableTopic,
    result: Result<(Plan, Option<Arc<Topic>>), Refusal>,
) -> CreatableTopicResult {
    let (error, message) = outcome(&result);
    let response = CreatableTopicResult::default()
        .with_name(asked.name.clone())
        .with_error_code(error)
        .with_error_message(message);
    let Ok((plan, topic)) = result else {
        return if client.version >= 5 {
            response.with_num_partitions(-1).with_replication_factor(-1).with_configs(None)
        } else {
            response
        };
    };
    let response = match topic {
        Some(topic) if client.version >= 7 => response.with_topic_id(topic.id),
        Some(_) | None => response,
    };
    if client.version < 5 {
        return response;
    }
    let settings = node.topics.defaults().overridden(&plan.configs);
    let config = |definition: &settings::Definition| {
        CreatableTopicConfigs::default()
            .with_name(text(definition.name))
            .with_value(Some(text(settings.value(definition))))
            .with_config_source(configs::source(&plan.configs, definition))
    };
    response
        .with_num_partitions(i32::try_from(plan.partitions).unwrap_or(i32::MAX))
        .with_replication_factor(1)
        .with_configs(Some(DEFINITIONS.iter().map(config).collect()))
}

pub(super) fn delete(node: &Node, client: &Client, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = |name| DeleteTopicState::default().with_name(Some(name));
    let mut asked = request.topics;
    asked.extend(request.topic_names.into_iter().map(by_name));
    let mut responses = Vec::with_capacity(asked.len());
    for topic in asked {
        let known = match &topic.name {
            Some(name) => node.topics.get(name),
            None => node.topics.with_id(topic.topic_id).ok_or(ResponseError::UnknownTopicId),
        };
        let name = known.as_ref().ok().map(|known| topic_name(&known.name)).or(topic.name);
        let id = known.as_ref().map_or(topic.topic_id, |known| known.id);
        let result = known.and_then(|known| {
            node.topics.delete(&known.name)?;
            // What is left of them after a failure is dropped at the next start.
            if let Err(error) = node.offsets.forget_topic(&known.name) {
                tracing::error!(topic = known.name, %error, "cannot forget the offsets of a deleted topic");
            }
            Ok(())
        });
        let (error, message) = outcome(&result.map_err(Refusal::from));
        let mut response = DeletableTopicResult::default().with_name(name).with_error_code(error);
        if client.version >= 5 {
            response = response.with_error_message(message);
        }
        responses.push(if client.version >= 6 { response.with_topic_id(id) } else { response });
    }
    DeleteTopicsResponse::default().with_responses(responses)
}
