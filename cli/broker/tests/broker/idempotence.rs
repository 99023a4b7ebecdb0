//! Idempotent producers: what is sent again is written once, also across a restart.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, InitProducerIdRequest, ProduceRequest, ResponseKind, TopicName, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;

use crate::support::start;
use crate::wire::{Producer, Wire, batch};

async fn append(wire: &mut Wire, records: Bytes) -> Result<i64, ResponseError> {
    let partition = PartitionProduceData::default().with_records(Some(records));
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_static_str("orders")))
        .with_partition_data(vec![partition]);
    let request = ProduceRequest::default().with_acks(-1).with_topic_data(vec![topic]);
    let ResponseKind::Produce(response) = wire.ask(ApiKey::Produce, 9, request).await else { panic!("another answer") };
    let partition = &response.responses[0].partition_responses[0];
    ResponseError::try_from_code(partition.error_code).map_or(Ok(partition.base_offset), Err)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_sent_again_gets_its_first_offset() {
    let broker = start().await;
    broker.topic("orders", 1).await;
    let mut wire = Wire::connect(broker.address).await;
    for number in 0..6 {
        let sent = append(&mut wire, batch(&["a", "b"], Producer(7, 0, number * 2))).await;
        assert_eq!(sent, Ok(i64::from(number) * 2));
    }
    for number in 1..6 {
        let again = append(&mut wire, batch(&["a", "b"], Producer(7, 0, number * 2))).await;
        assert_eq!(again, Ok(i64::from(number) * 2), "one of the last five");
    }
    let gap = append(&mut wire, batch(&["z"], Producer(7, 0, 99))).await;
    assert_eq!(gap, Err(ResponseError::OutOfOrderSequenceNumber));

    let broker = broker.restart().await;
    let mut wire = Wire::connect(broker.address).await;
    assert_eq!(append(&mut wire, batch(&["a", "b"], Producer(7, 0, 10))).await, Ok(10), "known after a restart");
    assert_eq!(append(&mut wire, batch(&["c"], Producer(7, 0, 12))).await, Ok(12));
    assert_eq!(append(&mut wire, batch(&["d"], Producer(7, 1, 0))).await, Ok(13), "a new epoch begins at 0");
    let old = append(&mut wire, batch(&["e"], Producer(7, 0, 13))).await;
    assert_eq!(old, Err(ResponseError::InvalidProducerEpoch));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_producer_id_is_given_twice_and_none_for_transactions() {
    let broker = start().await;
    let mut seen = Vec::new();
    let mut broker = broker;
    for _ in 0..3 {
        let mut wire = Wire::connect(broker.address).await;
        for _ in 0..3 {
            let request = InitProducerIdRequest::default().with_transactional_id(None);
            let ResponseKind::InitProducerId(response) = wire.ask(ApiKey::InitProducerId, 4, request).await else {
                panic!("another answer");
            };
            assert_eq!((response.error_code, response.producer_epoch), (0, 0));
            seen.push(response.producer_id.0);
        }
        broker = broker.restart().await;
    }
    let given = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), given);

    let mut wire = Wire::connect(broker.address).await;
    let id = TransactionalId(StrBytes::from_static_str("transfer"));
    let request = InitProducerIdRequest::default().with_transactional_id(Some(id));
    let ResponseKind::InitProducerId(response) = wire.ask(ApiKey::InitProducerId, 4, request).await else {
        panic!("another answer");
    };
    assert_eq!(response.error_code, ResponseError::TransactionalIdAuthorizationFailed.code());
}
