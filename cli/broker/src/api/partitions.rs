//! CreatePartitions: a topic gets more of them.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};

use super::{Refusal, outcome, topics};
use crate::node::{ID, Node};
use crate::topics::repeated;

pub(super) fn create(node: &Node, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let repeated = repeated(request.topics.iter().map(|topic| topic.name.as_str()));
    let mut results = Vec::with_capacity(request.topics.len());
    for asked in &request.topics {
        let result = if repeated.contains(asked.name.as_str()) {
            Err(Refusal::new(ResponseError::InvalidRequest, "the topic stands more than once in the request"))
        } else {
            grow(node, asked, request.validate_only)
        };
        let (error, message) = outcome(&result);
        let response = CreatePartitionsTopicResult::default().with_name(asked.name.clone());
        results.push(response.with_error_code(error).with_error_message(message));
    }
    CreatePartitionsResponse::default().with_results(results)
}

fn grow(node: &Node, asked: &CreatePartitionsTopic, validate_only: bool) -> Result<(), Refusal> {
    let topic = node.topics.get(&asked.name)?;
    let count = topics::partitions(asked.count)?;
    let present = topic.partitions.len();
    if count <= present {
        let message = format!("topic {} has {present} partitions, which is not less than {count}", topic.name);
        return Err(Refusal::new(ResponseError::InvalidPartitions, message));
    }
    if let Some(assignments) = &asked.assignments {
        let here = assignments.iter().all(|assignment| assignment.broker_ids.iter().map(|id| id.0).eq([ID]));
        if assignments.len() != count - present || !here {
            let message = format!("each new partition must be assigned to broker {ID} alone");
            return Err(Refusal::new(ResponseError::InvalidReplicaAssignment, message));
        }
    }
    if !validate_only {
        node.topics.grow(&topic.name, count)?;
    }
    Ok(())
}
