//! InitProducerId: an id for an idempotent producer.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use super::code;
use crate::node::Node;

pub(super) fn init(node: &Node, request: &InitProducerIdRequest) -> InitProducerIdResponse {
    // Without transactions this is the one refusal that every client takes as final; others it would retry for ever.
    let result = if request.transactional_id.is_some() {
        Err(ResponseError::TransactionalIdAuthorizationFailed)
    } else {
        node.identity.producer_id().map_err(|error| {
            tracing::error!(%error, "cannot reserve producer ids");
            ResponseError::KafkaStorageError
        })
    };
    let epoch = if result.is_ok() { 0 } else { -1 };
    InitProducerIdResponse::default()
        .with_error_code(code(&result))
        .with_producer_id(ProducerId(result.unwrap_or(-1)))
        .with_producer_epoch(epoch)
}
