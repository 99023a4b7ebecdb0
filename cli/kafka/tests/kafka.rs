//! Reading along on a real broker.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use serde_json::json;
use shopctl_kafka::{
    Error, Tail,
    tail::Start,
    topics::{self, ORDER_EVENTS, PRODUCT_EVENTS},
};
use testkit::broker::Broker;

const DEADLINE: Duration = Duration::from_secs(30);

async fn send(broker: &Broker, topic: &str, key: &str, id: Option<&str>, value: &[u8]) {
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", broker.brokers()).create().expect("a producer");
    let mut record = FutureRecord::to(topic).key(key).payload(value);
    if let Some(id) = id {
        record = record.headers(OwnedHeaders::new().insert(Header { key: "ce_id", value: Some(id) }));
    }
    producer.send(record, DEADLINE).await.expect("the broker takes it");
}

fn event(kind: &str) -> Vec<u8> {
    json!({ "type": kind, "data": { "order_id": 7 } }).to_string().into_bytes()
}

#[tokio::test]
async fn topics_are_created_once() {
    let broker = Broker::start().await;
    assert!(topics::create(&broker.brokers()).await.expect("it answers").is_empty());
}

#[tokio::test]
async fn from_the_latest_on_only_what_comes_later_is_read() {
    let broker = Broker::start().await;
    send(&broker, ORDER_EVENTS, "7", Some("before"), &event("order_created")).await;
    let mut tail = Tail::open(&broker.brokers(), &[ORDER_EVENTS], Start::Latest).await.expect("it can be read");
    send(&broker, ORDER_EVENTS, "7", Some("after"), &event("order_paid")).await;
    let next = tokio::time::timeout(DEADLINE, tail.next()).await.expect("in time").expect("it can be read");
    assert_eq!((next.id.as_deref(), next.kind.as_deref()), (Some("after"), Some("order_paid")));
    assert_eq!((next.key.as_deref(), &next.data["order_id"]), (Some("7"), &json!(7)));
}

#[tokio::test]
async fn the_rest_is_everything_up_to_now_and_may_be_nothing() {
    let broker = Broker::start().await;
    let open = Tail::open(&broker.brokers(), &[ORDER_EVENTS, PRODUCT_EVENTS], Start::Earliest).await;
    let mut tail = open.expect("they can be read");
    assert!(tail.rest().await.expect("it can be read").is_empty());
    for key in ["1", "2", "3", "4", "5"] {
        send(&broker, ORDER_EVENTS, key, Some(key), &event("order_created")).await;
        send(&broker, PRODUCT_EVENTS, key, Some(key), &event("product_created")).await;
    }
    assert_eq!(tail.rest().await.expect("it can be read").len(), 10);
    assert!(tail.rest().await.expect("it can be read").is_empty());
}

#[tokio::test]
async fn what_is_no_event_is_read_without_inventing_one() {
    let broker = Broker::start().await;
    for value in [&b"\xff\xfe"[..], b"{\"type\":7}", b"{}", b""] {
        send(&broker, ORDER_EVENTS, "k", None, value).await;
    }
    let mut tail = Tail::open(&broker.brokers(), &[ORDER_EVENTS], Start::Earliest).await.expect("it can be read");
    let found = tail.rest().await.expect("it can be read");
    assert_eq!(found.len(), 4);
    for event in found {
        assert_eq!((event.id, event.kind, event.data), (None, None, json!(null)));
    }
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_named() {
    let broker = Broker::start().await;
    let error = Tail::open(&broker.brokers(), &["nothing"], Start::Latest).await.err().expect("there is none");
    assert!(matches!(&error, Error::NoTopic(topic) if topic == "nothing"), "{error}");
}

#[tokio::test]
async fn an_outage_of_the_broker_is_waited_out() {
    let mut broker = Broker::start().await;
    let mut tail = Tail::open(&broker.brokers(), &[ORDER_EVENTS], Start::Latest).await.expect("it can be read");
    broker.stop().await;
    broker.restart().await;
    send(&broker, ORDER_EVENTS, "7", Some("after"), &event("order_paid")).await;
    let next = tokio::time::timeout(DEADLINE, tail.next()).await.expect("in time").expect("it can be read");
    assert_eq!(next.id.as_deref(), Some("after"));
}
