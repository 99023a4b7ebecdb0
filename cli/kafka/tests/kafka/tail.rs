use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, ResourceSpecifier},
    client::DefaultClientContext,
};
use serde_json::json;
use shopctl_kafka::{Error, Tail, tail::Start, topics};
use testkit::{
    brokers::{Broker, Kind, unique},
    cases,
    trials::Case,
};

use crate::setup::{DEADLINE, event, send, with_topics};

pub(crate) const CASES: &[Case<Kind>] = cases![
    topics_are_created_once,
    topics_are_read_from_at_once,
    topics_keep_everything_and_dead_letters_are_larger_than_records,
    from_the_latest_on_only_what_comes_later_is_read,
    the_rest_is_everything_up_to_now_and_may_be_nothing,
    what_is_no_event_is_read_without_inventing_one,
    a_topic_that_is_not_there_is_named,
    an_outage_of_the_broker_is_waited_out,
];

async fn topics_are_created_once(on: Kind) {
    let broker = Broker::own(on).await;
    // The embedded one of the tests has them from the start on.
    let created = topics::create(&broker.brokers()).await.expect("it answers");
    assert!(created.is_empty() || created == topics::ALL, "{created:?}");
    assert!(topics::create(&broker.brokers()).await.expect("it answers").is_empty());
    Tail::open(&broker.brokers(), &topics::ALL, Start::Earliest).await.expect("all are there");
}

async fn topics_are_read_from_at_once(on: Kind) {
    let broker = Broker::any(on).await;
    for _ in 0..10 {
        let [topic] = with_topics(&broker).await;
        Tail::open(&broker.brokers(), &[&topic], Start::Latest).await.expect("it can be read");
    }
}

async fn topics_keep_everything_and_dead_letters_are_larger_than_records(on: Kind) {
    let broker = Broker::any(on).await;
    let topic = unique("events");
    let dead = format!("{topic}.dlt");
    broker.create(&[&topic, &dead]).await;
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", broker.brokers()).create().expect("a client");
    let asked = [ResourceSpecifier::Topic(&topic), ResourceSpecifier::Topic(&dead)];
    let described = admin.describe_configs(&asked, &AdminOptions::new()).await.expect("it answers");
    let [records, letters] = &described[..] else { panic!("two topics: {described:?}") };
    let setting = |of: &rdkafka::admin::ConfigResourceResult, name: &str| {
        of.as_ref().expect("it is described").entry_map()[name].value.clone()
    };
    for topic in [records, letters] {
        assert_eq!(setting(topic, "retention.ms").as_deref(), Some("-1"));
        assert_eq!(setting(topic, "retention.bytes").as_deref(), Some("-1"));
    }
    assert_eq!(setting(letters, "max.message.bytes").as_deref(), Some("8388608"));
}

async fn from_the_latest_on_only_what_comes_later_is_read(on: Kind) {
    let broker = Broker::any(on).await;
    let [topic] = with_topics(&broker).await;
    send(&broker, &topic, "7", Some("before"), &event("order_created")).await;
    let mut tail = Tail::open(&broker.brokers(), &[&topic], Start::Latest).await.expect("it can be read");
    send(&broker, &topic, "7", Some("after"), &event("order_paid")).await;
    let next = tokio::time::timeout(DEADLINE, tail.next()).await.expect("in time").expect("it can be read");
    assert_eq!((next.id.as_deref(), next.kind.as_deref()), (Some("after"), Some("order_paid")));
    assert_eq!((next.key.as_deref(), &next.data["order_id"]), (Some("7"), &json!(7)));
}

async fn the_rest_is_everything_up_to_now_and_may_be_nothing(on: Kind) {
    let broker = Broker::any(on).await;
    let [one, two] = with_topics(&broker).await;
    let open = Tail::open(&broker.brokers(), &[&one, &two], Start::Earliest).await;
    let mut tail = open.expect("they can be read");
    assert!(tail.rest().await.expect("it can be read").is_empty());
    for key in ["1", "2", "3", "4", "5"] {
        send(&broker, &one, key, Some(key), &event("order_created")).await;
        send(&broker, &two, key, Some(key), &event("product_created")).await;
    }
    assert_eq!(tail.rest().await.expect("it can be read").len(), 10);
    assert!(tail.rest().await.expect("it can be read").is_empty());
}

async fn what_is_no_event_is_read_without_inventing_one(on: Kind) {
    let broker = Broker::any(on).await;
    let [topic] = with_topics(&broker).await;
    for value in [&b"\xff\xfe"[..], b"{\"type\":7}", b"{}", b""] {
        send(&broker, &topic, "k", None, value).await;
    }
    let mut tail = Tail::open(&broker.brokers(), &[&topic], Start::Earliest).await.expect("it can be read");
    let found = tail.rest().await.expect("it can be read");
    assert_eq!(found.len(), 4);
    for event in &found {
        assert_eq!((&event.id, &event.kind, &event.data), (&None, &None, &json!(null)));
        assert_eq!((event.headers.len(), event.raw_key.as_deref()), (0, Some(&b"k"[..])));
    }
    assert!(found.iter().any(|event| event.value.as_deref() == Some(b"\xff\xfe")), "bytes stay as they were");
}

async fn a_topic_that_is_not_there_is_named(on: Kind) {
    let broker = Broker::any(on).await;
    let error = Tail::open(&broker.brokers(), &["nothing"], Start::Latest).await.err().expect("there is none");
    assert!(matches!(&error, Error::NoTopic(topic) if topic == "nothing"), "{error}");
}

async fn an_outage_of_the_broker_is_waited_out(on: Kind) {
    let mut broker = Broker::own(on).await;
    let [topic] = with_topics(&broker).await;
    let mut tail = Tail::open(&broker.brokers(), &[&topic], Start::Latest).await.expect("it can be read");
    broker.stop().await;
    broker.restart().await;
    send(&broker, &topic, "7", Some("after"), &event("order_paid")).await;
    let next = tokio::time::timeout(DEADLINE, tail.next()).await.expect("in time").expect("it can be read");
    assert_eq!(next.id.as_deref(), Some("after"));
    assert!(tail.rest().await.expect("it can be read").is_empty());
}
