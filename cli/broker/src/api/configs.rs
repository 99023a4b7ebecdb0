//! DescribeConfigs, AlterConfigs and IncrementalAlterConfigs.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse as Altered;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as AlteredPartly;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::{Refusal, outcome, text};
use crate::node::{ID, Node};
use crate::settings::{self, DEFINITIONS, Definition, Kind};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

const OF_TOPIC: i8 = 1;
const STATIC: i8 = 4;
const DEFAULT: i8 = 5;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// Where a topic's value comes from, in Kafka's numbers.
pub(super) fn source(configs: &BTreeMap<String, String>, definition: &Definition) -> i8 {
    if configs.contains_key(definition.name) { OF_TOPIC } else { DEFAULT }
}

pub(super) fn describe(node: &Node, request: &DescribeConfigsRequest) -> DescribeConfigsResponse {
    let result = |asked: &DescribeConfigsResource| {
        let found = match asked.resource_type {
            TOPIC => of_topic(node, &asked.resource_name, request),
            BROKER => of_broker(node, &asked.resource_name),
            other => Err(unsupported(other)),
        };
        let (error, message) = outcome(&found);
        let wanted = |config: &DescribeConfigsResourceResult| {
            asked.configuration_keys.as_ref().is_none_or(|keys| keys.contains(&config.name))
        };
        DescribeConfigsResult::default()
            .with_error_code(error)
            .with_error_message(message)
            .with_resource_type(asked.resource_type)
            .with_resource_name(asked.resource_name.clone())
            .with_configs(found.unwrap_or_default().into_iter().filter(wanted).collect())
    };
    DescribeConfigsResponse::default().with_results(request.resources.iter().map(result).collect())
}

fn unsupported(resource_type: i8) -> Refusal {
    Refusal::new(ResponseError::InvalidRequest, format!("resources of type {resource_type} have no configuration"))
}

fn of_topic(
    node: &Node,
    name: &str,
    request: &DescribeConfigsRequest,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let topic = node.topics.get(name)?;
    let config = |definition: &Definition| {
        let (value, source) = (topic.settings.value(definition), source(&topic.configs, definition));
        let synonym = DescribeConfigsSynonym::default()
            .with_name(text(definition.name))
            .with_value(Some(text(&value)))
            .with_source(source);
        let response = result(definition.name, value, definition.kind).with_config_source(source);
        let response = if request.include_synonyms { response.with_synonyms(vec![synonym]) } else { response };
        let about = request.include_documentation.then(|| StrBytes::from_static_str(definition.about));
        response.with_documentation(about)
    };
    Ok(DEFINITIONS.iter().map(config).collect())
}

fn of_broker(node: &Node, name: &str) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    if name != ID.to_string() && !name.is_empty() {
        let message = format!("there is only broker {ID}, not {name}");
        return Err(Refusal::new(ResponseError::InvalidRequest, message));
    }
    let config = &node.config;
    let fixed = [
        ("auto.create.topics.enable", config.auto_create_topics.to_string(), Kind::Boolean),
        ("broker.id", ID.to_string(), Kind::Int),
        ("default.replication.factor", "1".to_owned(), Kind::Int),
        ("group.initial.rebalance.delay.ms", config.initial_rebalance_delay.as_millis().to_string(), Kind::Int),
        ("group.max.session.timeout.ms", config.max_session_timeout.as_millis().to_string(), Kind::Int),
        ("group.min.session.timeout.ms", config.min_session_timeout.as_millis().to_string(), Kind::Int),
        ("log.dirs", config.data_dir.display().to_string(), Kind::String),
        ("num.partitions", config.default_partitions.to_string(), Kind::Int),
    ];
    let describe = |(name, value, kind)| result(name, value, kind).with_config_source(STATIC).with_read_only(true);
    Ok(fixed.into_iter().map(describe).collect())
}

fn result(name: &'static str, value: String, kind: Kind) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_static_str(name))
        .with_value(Some(text(value)))
        .with_config_type(kind as i8)
}

/// Replaces all of a topic's own configurations.
pub(super) fn alter(node: &Node, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let mut responses = Vec::with_capacity(request.resources.len());
    for resource in request.resources {
        let changes = resource.configs.into_iter().map(|config| (config.name, SET, config.value)).collect();
        let result =
            change(node, resource.resource_type, &resource.resource_name, changes, request.validate_only, true);
        let (error, message) = outcome(&result);
        let response = Altered::default().with_error_code(error).with_error_message(message);
        let response = response.with_resource_type(resource.resource_type);
        responses.push(response.with_resource_name(resource.resource_name));
    }
    AlterConfigsResponse::default().with_responses(responses)
}

/// Changes some of a topic's configurations.
pub(super) fn alter_incrementally(
    node: &Node,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let mut responses = Vec::with_capacity(request.resources.len());
    for resource in request.resources {
        let change_of = |config: kafka_protocol::messages::incremental_alter_configs_request::AlterableConfig| {
            (config.name, config.config_operation, config.value)
        };
        let changes = resource.configs.into_iter().map(change_of).collect();
        let result =
            change(node, resource.resource_type, &resource.resource_name, changes, request.validate_only, false);
        let (error, message) = outcome(&result);
        let response = AlteredPartly::default().with_error_code(error).with_error_message(message);
        let response = response.with_resource_type(resource.resource_type);
        responses.push(response.with_resource_name(resource.resource_name));
    }
    IncrementalAlterConfigsResponse::default().with_responses(responses)
}

fn change(
    node: &Node,
    resource_type: i8,
    name: &str,
    changes: Vec<(StrBytes, i8, Option<StrBytes>)>,
    validate_only: bool,
    from_scratch: bool,
) -> Result<(), Refusal> {
    if resource_type == BROKER {
        return Err(Refusal::new(ResponseError::InvalidRequest, "the broker is configured by its command line"));
    }
    if resource_type != TOPIC {
        return Err(unsupported(resource_type));
    }
    let topic = node.topics.get(name)?;
    let mut configs = if from_scratch { BTreeMap::new() } else { topic.configs.clone() };
    for (name, operation, value) in changes {
        match (operation, value) {
            (SET, Some(value)) => {
                settings::check(&name, &value).map_err(|why| Refusal::new(ResponseError::InvalidConfig, why))?;
                configs.insert(name.to_string(), value.to_string());
            }
            (DELETE, _) | (SET, None) => {
                configs.remove(name.as_str());
            }
            (APPEND | SUBTRACT, _) => {
                let message = format!("{} is no list that could be added to or taken from", name.as_str());
                return Err(Refusal::new(ResponseError::InvalidConfig, message));
            }
            _ => return Err(Refusal::new(ResponseError::InvalidRequest, format!("operation {operation} is unknown"))),
        }
    }
    if !validate_only {
        node.topics.configure(name, configs)?;
    }
    Ok(())
}
