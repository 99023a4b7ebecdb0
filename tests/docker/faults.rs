//! What faults of a topic make of what is published to Apache Kafka, over the proxy that services call it by.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig,
    error::KafkaError,
    producer::{FutureProducer, FutureRecord},
    types::RDKafkaErrorCode,
};
use serde_json::Value;
use shopctl_kafka::{Event, Tail, tail::Start};
use shopctl_protocol::POISON;
use testkit::{cases, trials::Case};

use crate::{
    Docker,
    instance::{Instance, SOON},
};

pub(crate) const CASES: &[Case<Docker>] = cases![each_fault_of_a_topic_does_what_it_says_on_kafka];

const TOPIC: &str = "order_events";

/// A broker behind its proxy.
struct Scene {
    instance: Instance,
    /// The broker's own address.
    brokers: String,
    /// Publishes as order does.
    producer: FutureProducer,
}

impl Scene {
    fn new() -> Self {
        let instance = Instance::new("faults");
        instance.succeeds(&["up", "topics", "proxy", "--faults", "--infra", "docker", "--isolated", "--detach"]);
        let told = |arguments: &[&str], name: &str| {
            let values: Value = serde_json::from_str(&instance.json(arguments)).expect("env answers in JSON");
            values[name].as_str().unwrap_or_else(|| panic!("no {name} in {values}")).to_owned()
        };
        let (brokers, proxy) = (told(&["env"], "kafka"), told(&["env", "order"], "KAFKA_BROKERS"));
        assert_ne!(brokers, proxy);
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", proxy).set("enable.idempotence", "true").set("acks", "all");
        // Long enough for several records to be one batch.
        let producer = config.set("linger.ms", "20").create().expect("a producer");
        Self { instance, brokers, producer }
    }

    /// Breaks the topic so, and in no other way.
    fn is(&self, fault: &[&str]) {
        self.is_whole();
        self.instance.succeeds(&[&["fault", "set", TOPIC], fault].concat());
    }

    fn is_whole(&self) {
        self.instance.succeeds(&["fault", "clear", "--all"]);
    }

    async fn publish(&self, key: &str, value: &str) -> Result<(), KafkaError> {
        let record = FutureRecord::to(TOPIC).key(key).payload(value);
        self.producer.send(record, SOON).await.map(drop).map_err(|(error, _)| error)
    }

    /// All that stands in the topic, in the order of each partition.
    async fn told(&self) -> Vec<Event> {
        let tail = Tail::open(&self.brokers, &[TOPIC], Start::Earliest).await;
        tail.expect("the topic is there").rest().await.expect("it can be read")
    }
}

fn value(event: &Event) -> String {
    String::from_utf8_lossy(event.value.as_deref().unwrap_or_default()).into_owned()
}

/// The values of a key.
fn of(told: &[Event], key: &str) -> Vec<String> {
    told.iter().filter(|event| event.key.as_deref() == Some(key)).map(value).collect()
}

async fn each_fault_of_a_topic_does_what_it_says_on_kafka(_: Docker) {
    let scene = Scene::new();
    scene.publish("whole", "1").await.expect("it is published");

    scene.is(&["duplicate"]);
    for value in ["1", "2"] {
        scene.publish("twice", value).await.expect("it is published");
    }
    scene.is(&["drop"]);
    let refused = scene.publish("dropped", "1").await.expect_err("it is refused");
    assert_eq!(refused.rdkafka_error_code(), Some(RDKafkaErrorCode::PolicyViolation));
    // Whoever publishes again goes on from there, though Kafka counts what each producer sends.
    scene.is_whole();
    for value in ["2", "3"] {
        scene.publish("dropped", value).await.expect("it is published");
    }
    scene.is(&["poison"]);
    scene.publish("beside", "1").await.expect("it is published");
    scene.is(&["delay", "--delay", "300ms"]);
    let began = Instant::now();
    scene.publish("late", "1").await.expect("it is published");
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());

    let told = scene.told().await;
    assert_eq!(of(&told, "whole"), ["1"]);
    assert_eq!(of(&told, "twice"), ["1", "1", "2", "2"]);
    assert_eq!(of(&told, "dropped"), ["2", "3"]);
    assert_eq!((of(&told, "beside").len(), of(&told, POISON).len(), of(&told, "late").len()), (1, 1, 1));

    scene.is(&["reorder", "--within", "50ms", "--seed", "7"]);
    let numbered: Vec<(String, String)> = (0..100).map(|n| (format!("key-{}", n % 20), format!("{n:02}"))).collect();
    let all = numbered.iter().map(|(key, value)| scene.publish(key, value));
    for published in futures::future::join_all(all).await {
        published.expect("it is published");
    }
    let told = scene.told().await;
    let numbers: Vec<&Event> =
        told.iter().filter(|event| event.key.as_ref().is_some_and(|key| key.starts_with("key-"))).collect();
    assert_eq!(numbers.len(), numbered.len());
    for (key, _) in &numbered[..20] {
        let values = of(&told, key);
        assert!(values.len() == 5 && values.is_sorted(), "{key}: {values:?}");
    }
    let in_order = |partition: i32| {
        let events = numbers.iter().filter(|event| event.partition == partition);
        events.map(|event| value(event)).collect::<Vec<_>>().is_sorted()
    };
    assert!(![0, 1, 2].into_iter().all(in_order), "nothing has overtaken anything");
    scene.instance.finish();
}
