use shopctl_kafka::{
    Error, Event,
    feed::{Topics, history},
    letters::{Outcome, REDRIVEN, Which, dead_letters, redrive},
    publish::Place,
    tail::Start,
};
use testkit::{
    brokers::{Broker, Kind, unique},
    cases,
    trials::Case,
};

use crate::setup::{event, send, send_with};

pub(crate) const CASES: &[Case<Kind>] = cases![
    a_letter_is_published_once_as_the_record_was,
    letters_of_two_groups_are_one_record,
    what_is_refused_again_has_a_letter_that_can_be_redriven,
    a_record_that_its_producer_has_sent_again_is_not_redriven,
    without_cloudevents_a_letter_is_redriven_once_too,
    only_what_was_chosen_is_redriven,
    a_letter_without_its_value_stays,
    a_letter_that_does_not_say_where_it_comes_from_goes_to_the_topic_of_its_name,
    only_topics_of_dead_letters_are_redriven,
];

/// A topic and that of its dead letters.
struct Scene {
    broker: Broker,
    topic: String,
    dead: String,
}

impl Scene {
    async fn open(on: Kind) -> Self {
        let broker = Broker::any(on).await;
        let topic = unique("refused");
        let dead = format!("{topic}.dlt");
        broker.create(&[&topic, &dead]).await;
        Self { broker, topic, dead }
    }

    /// A record, and the letter of it that a service of this group leaves. Answers with the letter's place.
    async fn refused(&self, key: &str, id: Option<&str>, group: &str) -> Place {
        let headers: Vec<(&str, &str)> = id.into_iter().flat_map(|id| [("ce_id", id), ("ce_type", "t")]).collect();
        let at = send_with(&self.broker, &self.topic, key, &headers, &event("order_paid")).await;
        self.letter(key, &headers, at, group).await
    }

    async fn letter(&self, key: &str, headers: &[(&str, &str)], at: (i32, i64), group: &str) -> Place {
        let (partition, offset) = (at.0.to_string(), at.1.to_string());
        let told = [
            ("dlt_topic", self.topic.as_str()),
            ("dlt_partition", &partition),
            ("dlt_offset", &offset),
            ("dlt_group", group),
            ("dlt_error", "it is odd"),
        ];
        let headers = [headers, &told].concat();
        let (partition, offset) = send_with(&self.broker, &self.dead, key, &headers, &event("order_paid")).await;
        Place { partition, offset }
    }

    /// How many were published, had been already, and cannot be.
    async fn redrive(&self, which: Which) -> (usize, usize, usize) {
        let redriven = redrive(&self.broker.brokers(), &self.dead, &which).await.expect("it works");
        let count = |wanted: fn(&Outcome) -> bool| redriven.iter().filter(|letter| wanted(&letter.outcome)).count();
        (
            count(|outcome| matches!(outcome, Outcome::Published(_))),
            count(|outcome| matches!(outcome, Outcome::Already)),
            count(|outcome| matches!(outcome, Outcome::Impossible(_))),
        )
    }

    async fn records(&self) -> Vec<Event> {
        let topic = Topics::Only(vec![self.topic.clone()]);
        history(&self.broker.brokers(), topic, Start::Earliest).await.expect("it can be read")
    }
}

async fn a_letter_is_published_once_as_the_record_was(on: Kind) {
    let scene = Scene::open(on).await;
    scene.refused("7", Some("one"), "payment").await;
    let letters =
        dead_letters(&scene.broker.brokers(), std::slice::from_ref(&scene.dead)).await.expect("they can be read");
    let [letter] = &letters[..] else { panic!("one: {letters:?}") };
    assert_eq!((letter.group.as_deref(), letter.reason.as_deref()), (Some("payment"), Some("it is odd")));
    assert!(!letter.redriven && letter.origin.topic == scene.topic);

    assert_eq!(scene.redrive(Which::All).await, (1, 0, 0));
    let records = scene.records().await;
    let [refused, again] = &records[..] else { panic!("two: {records:?}") };
    assert_eq!((&again.raw_key, &again.value, &again.id), (&refused.raw_key, &refused.value, &refused.id));
    assert_eq!(again.partition, refused.partition, "the order of its key stays");
    let names: Vec<&str> = again.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ce_id", "ce_type", REDRIVEN], "nothing is left of the letter");

    assert_eq!(scene.redrive(Which::All).await, (0, 1, 0));
    assert_eq!(scene.records().await.len(), 2);
    let letters =
        dead_letters(&scene.broker.brokers(), std::slice::from_ref(&scene.dead)).await.expect("they can be read");
    assert!(letters[0].redriven);
}

async fn letters_of_two_groups_are_one_record(on: Kind) {
    let scene = Scene::open(on).await;
    for id in [Some("one"), None] {
        let headers: Vec<(&str, &str)> = id.map(|id| ("ce_id", id)).into_iter().collect();
        let at = send_with(&scene.broker, &scene.topic, "7", &headers, &event("order_paid")).await;
        for group in ["payment", "recommender"] {
            scene.letter("7", &headers, at, group).await;
        }
    }
    assert_eq!(scene.redrive(Which::All).await, (2, 2, 0));
    assert_eq!(scene.redrive(Which::All).await, (0, 4, 0));
    assert_eq!(scene.records().await.len(), 4);
}

async fn what_is_refused_again_has_a_letter_that_can_be_redriven(on: Kind) {
    let scene = Scene::open(on).await;
    for id in [Some("one"), None] {
        scene.refused("7", id, "payment").await;
        assert_eq!(scene.redrive(Which::All).await.0, 1);
        let again = scene.records().await.pop().expect("it stands there");
        let headers: Vec<(&str, &str)> = again
            .headers
            .iter()
            .map(|(name, value)| {
                (name.as_str(), std::str::from_utf8(value.as_deref().unwrap_or_default()).expect("text"))
            })
            .collect();
        scene.letter("7", &headers, (again.partition, again.offset), "payment").await;
        assert_eq!(scene.redrive(Which::All).await.0, 1, "only the newer letter");
        assert_eq!(scene.redrive(Which::All).await.0, 0);
    }
    assert_eq!(scene.records().await.len(), 6);
}

async fn a_record_that_its_producer_has_sent_again_is_not_redriven(on: Kind) {
    let scene = Scene::open(on).await;
    scene.refused("7", Some("one"), "payment").await;
    send(&scene.broker, &scene.topic, "7", Some("one"), &event("order_paid")).await;
    assert_eq!(scene.redrive(Which::All).await, (0, 1, 0), "if it was refused again, it has a letter of its own");
}

async fn without_cloudevents_a_letter_is_redriven_once_too(on: Kind) {
    let scene = Scene::open(on).await;
    scene.refused("7", None, "payment").await;
    scene.refused("7", None, "payment").await;
    assert_eq!(scene.redrive(Which::All).await, (2, 0, 0));
    assert_eq!(scene.redrive(Which::All).await, (0, 2, 0));
}

async fn only_what_was_chosen_is_redriven(on: Kind) {
    let scene = Scene::open(on).await;
    scene.refused("7", Some("one"), "payment").await;
    scene.refused("8", Some("two"), "payment").await;
    let third = scene.refused("9", Some("three"), "payment").await;
    assert_eq!(scene.redrive(Which::Key(b"8".to_vec())).await, (1, 0, 0));
    assert_eq!(scene.redrive(Which::At(third)).await, (1, 0, 0));
    assert_eq!(scene.redrive(Which::Key(b"none".to_vec())).await, (0, 0, 0));
    let ids: Vec<_> = scene.records().await.into_iter().skip(3).filter_map(|event| event.id).collect();
    assert_eq!(ids, ["two", "three"]);
    assert_eq!(scene.redrive(Which::All).await, (1, 2, 0));
}

async fn a_letter_without_its_value_stays(on: Kind) {
    let scene = Scene::open(on).await;
    scene.letter("7", &[("dlt_omitted", "too large")], (0, 0), "payment").await;
    assert_eq!(scene.redrive(Which::All).await, (0, 0, 1));
    assert!(scene.records().await.is_empty());
}

async fn a_letter_that_does_not_say_where_it_comes_from_goes_to_the_topic_of_its_name(on: Kind) {
    let scene = Scene::open(on).await;
    send(&scene.broker, &scene.dead, "7", Some("one"), &event("order_paid")).await;
    assert_eq!(scene.redrive(Which::All).await, (1, 0, 0));
    assert_eq!(scene.redrive(Which::All).await, (0, 1, 0));
    assert_eq!(scene.records().await.len(), 1);
}

async fn only_topics_of_dead_letters_are_redriven(on: Kind) {
    let scene = Scene::open(on).await;
    let brokers = scene.broker.brokers();
    let error = redrive(&brokers, &scene.topic, &Which::All).await.expect_err("it has no letters");
    assert!(matches!(&error, Error::NoLetters(topic) if *topic == scene.topic), "{error}");
    let error = redrive(&brokers, "nothing.dlt", &Which::All).await.expect_err("there is none");
    assert!(matches!(&error, Error::NoTopic(topic) if topic == "nothing.dlt"), "{error}");
}
