//! Partitions that end in what is no record. Apache Kafka makes such ends itself; for the embedded broker, which knows no
//! transactions and compacts nothing, they are written into its file.

use std::{fs, path::PathBuf};

use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, FutureRecord, Producer as _},
};
use shopctl_kafka::{
    Feed, Observer,
    feed::{Topics, Update, history},
    stats,
    tail::Start,
};
use testkit::{
    brokers::{Broker, Kind, unique},
    cases, eventually,
    trials::Case,
};

use crate::setup::{DEADLINE, next, next_event, producer};

pub(crate) const CASES: &[Case<Kind>] = cases![
    reading_ends_behind_the_marker_of_a_transaction,
    what_comes_after_such_an_end_is_told,
    a_gap_that_compaction_left_at_the_end_is_no_record,
];

const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;

async fn reading_ends_behind_the_marker_of_a_transaction(on: Kind) {
    let (broker, topic) = ending_in_a_marker(on).await;
    let brokers = broker.brokers();
    let all = || Topics::Only(vec![topic.clone()]);
    let found = history(&brokers, all(), Start::Earliest).await.expect("it can be read");
    let found: Vec<(Option<&str>, i64)> = found.iter().map(|event| (event.key.as_deref(), event.offset)).collect();
    assert_eq!(found, [(Some("a"), 0), (Some("b"), 1)]);
    // Of offsets there are three.
    let counted =
        Observer::new(&brokers).expect("a client").stats(std::slice::from_ref(&topic)).await.expect("it answers");
    assert_eq!(counted.iter().map(stats::Partition::count).sum::<i64>(), 3);
    let measured = stats::measure(&brokers, all()).await.expect("it can be read");
    assert_eq!(measured[&(topic.clone(), 0)].records, 2);
}

async fn what_comes_after_such_an_end_is_told(on: Kind) {
    let (broker, topic) = ending_in_a_marker(on).await;
    let brokers = broker.brokers();
    let mut feed = Feed::open(&brokers, Topics::Only(vec![topic.clone()]), Start::Earliest).await.expect("it opens");
    for key in ["a", "b"] {
        assert_eq!(next_event(&mut feed).await.key.as_deref(), Some(key));
    }
    assert!(matches!(next(&mut feed).await, Update::CaughtUp));
    let record = FutureRecord::to(&topic).key("c").payload("").partition(0);
    producer(&brokers).send(record, DEADLINE).await.expect("the broker takes it");
    let event = next_event(&mut feed).await;
    assert_eq!((event.key.as_deref(), event.offset), (Some("c"), 3));
}

/// Kafka compacts when it sees fit; what it leaves is a batch that says it ends later than its last record.
async fn a_gap_that_compaction_left_at_the_end_is_no_record(on: Kind) {
    if on == Kind::Kafka {
        return;
    }
    let (broker, topic) = planted(&[batch(0, 0, 4, 1, &record(0, b"a", b"{}"))]).await;
    let all = Topics::Only(vec![topic]);
    let found = history(&broker.brokers(), all, Start::Earliest).await.expect("it can be read");
    assert_eq!(found.iter().map(|event| event.offset).collect::<Vec<_>>(), [0]);
}

/// A topic with two records and the marker of a commit in its first partition.
async fn ending_in_a_marker(on: Kind) -> (Broker, String) {
    match on {
        Kind::Embedded => {
            let records = [record(0, b"a", b"{}"), record(1, b"b", b"{}")].concat();
            let marker = record(0, b"\0\0\0\x01", b"\0\0\0\0\0\0");
            planted(&[batch(0, TRANSACTIONAL, 1, 2, &records), batch(2, TRANSACTIONAL | CONTROL, 0, 1, &marker)]).await
        }
        Kind::Kafka => {
            let broker = Broker::any(on).await;
            let topic = unique("gaps");
            broker.create(&[&topic]).await;
            let (brokers, name) = (broker.brokers(), topic.clone());
            let transaction = move || {
                let mut config = ClientConfig::new();
                config.set("bootstrap.servers", brokers).set("transactional.id", &name);
                let producer: BaseProducer = config.create().expect("a producer");
                producer.init_transactions(DEADLINE).expect("it answers");
                producer.begin_transaction().expect("it begins");
                for key in ["a", "b"] {
                    let record = BaseRecord::to(&name).key(key).payload("{}").partition(0);
                    producer.send(record).map_err(|(error, _)| error).expect("there is room");
                }
                producer.commit_transaction(DEADLINE).expect("it commits");
            };
            tokio::task::spawn_blocking(transaction).await.expect("it does not panic");
            // It writes its marker a moment after it has answered.
            let observer = Observer::new(&broker.brokers()).expect("a client");
            eventually(DEADLINE, "the transaction is over", async || {
                let found = observer.stats(std::slice::from_ref(&topic)).await.expect("it answers");
                (found.iter().map(stats::Partition::count).sum::<i64>() == 3).then_some(())
            })
            .await;
            (broker, topic)
        }
    }
}

/// An embedded broker, and a topic of it in whose first partition these batches stand.
async fn planted(batches: &[Vec<u8>]) -> (Broker, String) {
    let broker = Broker::own(Kind::Embedded).await;
    let topic = unique("gaps");
    broker.create(&[&topic]).await;
    let Broker::Embedded(mut broker) = broker else { panic!("the embedded one") };
    broker.stop().await;
    let topics = fs::read_dir(broker.data().join("topics")).expect("there are topics").flatten();
    let is_it = |dir: &PathBuf| fs::read_to_string(dir.join("topic.json")).is_ok_and(|text| text.contains(&topic));
    let dir = topics.map(|entry| entry.path()).find(is_it).expect("the topic has a directory");
    fs::write(dir.join("0/00000000000000000000.log"), batches.concat()).expect("it is written");
    broker.restart().await;
    (Broker::Embedded(broker), topic)
}

/// A batch of Kafka's format 2, as brokers store it.
fn batch(base: i64, attributes: i16, last_delta: i32, count: i32, records: &[u8]) -> Vec<u8> {
    let producer = 1_i64.to_be_bytes();
    let timestamps = [1000_i64.to_be_bytes(), 1000_i64.to_be_bytes()].concat();
    let checked = [
        &attributes.to_be_bytes()[..],
        &last_delta.to_be_bytes(),
        &timestamps,
        &producer,
        // Its epoch, and its first number.
        &0_i16.to_be_bytes(),
        &(-1_i32).to_be_bytes(),
        &count.to_be_bytes(),
        records,
    ]
    .concat();
    let length = i32::try_from(checked.len() + 9).expect("it is small");
    // The leader's epoch, and the format.
    let head = [&base.to_be_bytes()[..], &length.to_be_bytes(), &0_i32.to_be_bytes(), &[2]].concat();
    [head, crc32c::crc32c(&checked).to_be_bytes().to_vec(), checked].concat()
}

fn record(delta: u8, key: &[u8], value: &[u8]) -> Vec<u8> {
    let small = |number: usize| u8::try_from(number * 2).expect("it fits one byte");
    let mut body = vec![0, 0, delta * 2, small(key.len())];
    body.extend_from_slice(key);
    body.push(small(value.len()));
    body.extend_from_slice(value);
    // No headers.
    body.push(0);
    [vec![small(body.len())], body].concat()
}
