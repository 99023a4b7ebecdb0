//! What the client library that all services use makes of a proxy before the broker.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig,
    error::KafkaError,
    producer::{FutureProducer, FutureRecord},
    types::RDKafkaErrorCode,
};
use shopctl_kafka::Event;
use shopctl_protocol::{FaultKind, POISON};
use testkit::broker::Broker;

use crate::setup::{DEADLINE, Stand};

const TOPIC: &str = "order_events";

/// Publishes as the shop's relay does.
fn producer(stand: &Stand) -> FutureProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", stand.port.address().to_string()).set("enable.idempotence", "true");
    config.set("linger.ms", "20").create().expect("a producer")
}

async fn publish(producer: &FutureProducer, key: &str, value: &str) -> Result<(), KafkaError> {
    let record = FutureRecord::to(TOPIC).key(key).payload(value);
    producer.send(record, DEADLINE).await.map(drop).map_err(|(error, _)| error)
}

async fn before(broker: &Broker) -> Stand {
    let target = broker.brokers().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    Stand::on(target.expect("a broker has a port"), true).await
}

/// All that stands there, in the order of each partition.
async fn told(broker: &Broker) -> Vec<Event> {
    broker.events(&[TOPIC]).await
}

/// The values of a key.
fn of(told: &[Event], key: &str) -> Vec<String> {
    told.iter().filter(|event| event.key.as_deref() == Some(key)).map(|event| text(event.value.as_deref())).collect()
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

#[tokio::test]
async fn clients_stay_behind_the_proxy_and_what_they_publish_is_struck_by_topic() {
    let broker = Broker::start().await;
    let mut stand = before(&broker).await;
    let producer = producer(&stand);
    publish(&producer, "whole", "1").await.expect("it is published");

    stand.is(&[(TOPIC, FaultKind::Drop)]).await;
    let refused = publish(&producer, "dropped", "1").await.expect_err("it is refused");
    assert_eq!(refused.rdkafka_error_code(), Some(RDKafkaErrorCode::PolicyViolation));
    stand.is_whole().await;
    publish(&producer, "dropped", "2").await.expect("it is published");

    stand.is(&[(TOPIC, FaultKind::Duplicate)]).await;
    publish(&producer, "twice", "1").await.expect("it is published");
    publish(&producer, "twice", "2").await.expect("it is published");
    stand.is(&[(TOPIC, FaultKind::Poison), ("product_events", FaultKind::Drop)]).await;
    publish(&producer, "beside", "1").await.expect("it is published");

    stand.is(&[(TOPIC, FaultKind::Delay { delay: 0.15, jitter: 0.0 })]).await;
    let began = Instant::now();
    publish(&producer, "late", "1").await.expect("it is published");
    assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());

    let told = told(&broker).await;
    assert_eq!(of(&told, "whole"), ["1"]);
    assert_eq!(of(&told, "dropped"), ["2"]);
    assert_eq!(of(&told, "twice"), ["1", "1", "2", "2"]);
    assert_eq!((of(&told, "beside").len(), of(&told, POISON).len()), (1, 1));
    assert_eq!(of(&told, "late"), ["1"]);

    // A client that had learned the broker's own port would not notice.
    stand.is(&[("a/b", FaultKind::Refuse)]).await;
    let sent = tokio::time::timeout(Duration::from_millis(500), publish(&producer, "refused", "1")).await;
    sent.expect_err("nobody takes it");
    stand.is_whole().await;
    publish(&producer, "after", "1").await.expect("it is published");
}

#[tokio::test]
async fn what_is_reordered_keeps_the_order_of_each_key_and_loses_nothing() {
    let broker = Broker::start().await;
    let mut stand = before(&broker).await;
    let producer = producer(&stand);
    stand.is(&[(TOPIC, FaultKind::Reorder { within: 0.05 })]).await;
    let numbered: Vec<(String, String)> = (0..100).map(|n| (format!("key-{}", n % 20), format!("{n:02}"))).collect();
    let send = |(key, value): &(String, String)| {
        let sent = producer.send_result(FutureRecord::to(TOPIC).key(key).payload(value));
        sent.map_err(|(error, _)| error).expect("there is room")
    };
    // All of them before any is delivered.
    let sent: Vec<_> = numbered.iter().map(send).collect();
    for sent in sent {
        let delivered = sent.await.expect("the producer lives");
        delivered.map_err(|(error, _)| error).expect("it is published");
    }
    let told = told(&broker).await;
    assert_eq!(told.len(), numbered.len());
    for (key, _) in &numbered[..20] {
        let values = of(&told, key);
        assert!(values.len() == 5 && values.is_sorted(), "{key}: {values:?}");
    }
    let partition = |number: i32| -> Vec<String> {
        let records = told.iter().filter(|record| record.partition == number);
        records.map(|record| text(record.value.as_deref())).collect()
    };
    let partitions = [0, 1, 2].map(partition);
    assert!(!partitions.iter().all(|values| values.is_sorted()), "{partitions:?}");
}
