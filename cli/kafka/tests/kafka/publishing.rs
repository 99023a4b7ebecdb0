use shopctl_kafka::{
    Error,
    feed::{Topics, history},
    publish::{Place, Publisher, read},
    tail::Start,
};
use testkit::{
    brokers::{Broker, Kind},
    cases,
    trials::Case,
};

use crate::setup::with_topics;

pub(crate) const CASES: &[Case<Kind>] = cases![
    what_a_file_says_is_published_in_its_order_and_told_with_its_place,
    a_topic_that_is_not_there_takes_nothing,
];

async fn what_a_file_says_is_published_in_its_order_and_told_with_its_place(on: Kind) {
    const LINES: usize = 2500;
    let broker = Broker::any(on).await;
    let [topic] = with_topics(&broker).await;
    let line = |at: usize| {
        format!(r#"{{"key":"k","type":"t","data":{{"at":{at},"total":1.50}},"headers":{{"ce_id":"{at}"}}}}"#)
    };
    let text: Vec<String> = (0..LINES).map(line).collect();
    let events = read(&text.join("\n")).expect("they are events");
    let mut told = Vec::new();
    let publisher = Publisher::new(&broker.brokers()).expect("a client");
    publisher.publish(&topic, &events, |at, place| told.push((at, place))).await.expect("they are published");
    let found = history(&broker.brokers(), Topics::Only(vec![topic]), Start::Earliest).await.expect("it can be read");
    assert_eq!((told.len(), found.len()), (LINES, LINES));
    for ((at, event), (told, place)) in found.iter().enumerate().zip(told) {
        assert_eq!((told, place), (at, Place { partition: event.partition, offset: event.offset }));
        assert_eq!((event.id.clone(), event.kind.as_deref()), (Some(at.to_string()), Some("t")));
        assert_eq!(event.header_text("ce_source"), Some("shopctl"));
    }
    assert_eq!(found[7].value.as_deref(), Some(&br#"{"type":"t","data":{"at":7,"total":1.50}}"#[..]));
}

async fn a_topic_that_is_not_there_takes_nothing(on: Kind) {
    let broker = Broker::any(on).await;
    let events = read(r#"{"type":"t","data":1}"#).expect("an event");
    let publisher = Publisher::new(&broker.brokers()).expect("a client");
    let error = publisher.publish("nothing", &events, |_, _| {}).await.expect_err("there is none");
    assert!(matches!(&error, Error::NoTopic(topic) if topic == "nothing"), "{error}");
}
