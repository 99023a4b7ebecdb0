//! What can be read of a broker that does not run.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    producer::{FutureProducer, FutureRecord},
};
use shopctl_kafka::{
    Error, Event, Observer, Stored,
    feed::{self, Topics},
    stats,
    tail::Start,
    topics::{ORDER_EVENTS, PRODUCT_EVENTS},
};
use testkit::{
    broker::Broker,
    cases,
    trials::{Case, Server},
};

use crate::setup::{DEADLINE, producer, send_at, send_with};

pub(crate) const CASES: &[Case<Files>] = cases![
    what_a_broker_has_left_is_read_as_it_told_it_itself_and_nothing_is_touched,
    where_no_broker_has_been_there_is_nothing,
];

/// Only the embedded broker's are ours to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Files;

impl Server for Files {
    const ALL: &'static [Self] = &[Self];

    fn name(self) -> &'static str {
        "embedded"
    }

    fn available(self) -> Result<(), String> {
        Ok(())
    }
}

/// Each file below `dir`, and what is in it.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(content(&path));
            // Also those in which there is nothing.
            found.insert(path, Vec::new());
        } else {
            found.insert(path.clone(), fs::read(&path).expect("a file"));
        }
    }
    found
}

fn events(stored: &Stored, topics: &Topics, start: Start) -> Vec<Event> {
    let events = stored.events(topics, start).expect("they can be read");
    events.collect::<Result<_, _>>().expect("to the end")
}

async fn what_a_broker_has_left_is_read_as_it_told_it_itself_and_nothing_is_touched(_: Files) {
    let mut broker = Broker::start().await;
    let brokers = broker.brokers();
    for (partition, timestamp, key) in [(0, 3000, "a"), (2, 1000, "b"), (0, 2000, "c"), (1, 9000, "d")] {
        send_at(&broker, ORDER_EVENTS, partition, timestamp, key).await;
    }
    for compression in ["gzip", "snappy", "lz4"] {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &brokers).set("compression.type", compression).set("linger.ms", "50");
        let producer: FutureProducer = config.create().expect("a producer");
        let value = "much of the same ".repeat(20);
        let records =
            (0..10).map(|_| producer.send(FutureRecord::to(PRODUCT_EVENTS).key("p").payload(&value), DEADLINE));
        for sent in futures::future::join_all(records).await {
            sent.expect("the broker takes it");
        }
    }
    let odd = [("x", "1"), ("x", "2"), ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
    send_with(&broker, "order_events.dlt", "odd", &odd, b"\xff").await;
    producer(&brokers).send(FutureRecord::<str, str>::to("order_events.dlt"), DEADLINE).await.expect("it is taken");
    let committing = ClientConfig::new()
        .set("bootstrap.servers", &brokers)
        .set("group.id", "readers")
        .create::<BaseConsumer>()
        .expect("a consumer");
    let commit = move || {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(ORDER_EVENTS, 0, Offset::Offset(1)).expect("an offset");
        committing.commit(&offsets, CommitMode::Sync).expect("it is committed");
    };
    tokio::task::spawn_blocking(commit).await.expect("it does not panic");

    let told = feed::history(&brokers, Topics::All, Start::Earliest).await.expect("it answers");
    let observer = Observer::new(&brokers).expect("a client");
    let (counted, groups) = (observer.stats(&[]).await.expect("it answers"), observer.lag().await.expect("it answers"));
    let measured = stats::measure(&brokers, Topics::All).await.expect("it answers");
    broker.stop().await;

    // A batch that nobody has finished writing.
    let mut segments =
        content(broker.data()).into_keys().filter(|path| path.extension().is_some_and(|kind| kind == "log"));
    let segment = segments.find(|path| path.file_name().is_some_and(|name| name != "offsets.log"));
    let mut torn = fs::OpenOptions::new().append(true).open(segment.expect("a segment")).expect("a file");
    torn.write_all(&[0; 40]).expect("it can be written");
    drop(torn);
    let before = content(broker.data());
    let stored = Stored::open(broker.data()).expect("it can be read").expect("there is something");
    assert_eq!(events(&stored, &Topics::All, Start::Earliest), told);
    let orders = Topics::Only(vec![ORDER_EVENTS.to_owned()]);
    let keys = |start| events(&stored, &orders, start).into_iter().filter_map(|event| event.key).collect::<Vec<_>>();
    assert_eq!(keys(Start::Earliest), ["b", "a", "c", "d"], "by time, and within a partition by offset");
    assert_eq!(keys(Start::Since(2500)), ["a", "c", "d"], "from the first that is not older on");
    assert!(keys(Start::Latest).is_empty());
    let nobody = Topics::Only(vec!["nobody".to_owned()]);
    assert!(matches!(stored.events(&nobody, Start::Earliest), Err(Error::NoTopic(name)) if name == "nobody"));
    let found = stored.stats(&[]).expect("they can be read");
    for (partition, measured_here) in &found {
        let place = (partition.topic.clone(), partition.partition);
        assert_eq!(*measured_here, measured.get(&place).copied().unwrap_or_default(), "{place:?}");
    }
    assert_eq!(found.into_iter().map(|(partition, _)| partition).collect::<Vec<_>>(), counted);
    assert_eq!(stored.groups().expect("they can be read"), groups);
    assert!(content(broker.data()) == before, "something was changed");
    broker.restart().await;
    assert_eq!(feed::history(&brokers, Topics::All, Start::Earliest).await.expect("it answers"), told);
}

async fn where_no_broker_has_been_there_is_nothing(_: Files) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    assert!(Stored::open(&dir.path().join("kafka")).expect("that is no error").is_none());
    assert!(Stored::open(dir.path()).expect("that is no error").is_none());
    assert!(content(dir.path()).is_empty(), "something was made");
}
