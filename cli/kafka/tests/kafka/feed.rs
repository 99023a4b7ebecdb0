use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::producer::FutureRecord;
use shopctl_kafka::{
    Error, Feed,
    feed::{Topics, Update, history},
    tail::Start,
};
use testkit::{
    brokers::{Broker, Kind},
    cases,
    port::Port,
    trials::Case,
};

use crate::setup::{DEADLINE, event, next, next_event, producer, send, send_at, with_topics};

pub(crate) const CASES: &[Case<Kind>] = cases![
    what_stands_there_is_told_in_the_order_of_its_times_then_what_comes,
    a_partition_keeps_its_order_whatever_the_times_say,
    from_the_latest_on_nothing_old_is_told,
    from_a_time_on_what_is_older_is_left_out,
    a_time_to_come_is_the_end,
    topics_that_come_into_being_are_told_of_too,
    a_topic_that_is_not_there_is_named_before_anything_is_read,
    an_outage_is_told_and_waited_out,
    an_outage_ends_what_has_an_end,
    a_broker_that_is_not_there_is_named_in_time,
    who_reads_slowly_misses_nothing,
    a_hundred_thousand_records_are_read_in_seconds,
];

fn only(topic: &str) -> Topics {
    Topics::Only(vec![topic.to_owned()])
}

async fn keys(broker: &Broker, topics: Topics, start: Start) -> Vec<String> {
    let events = history(&broker.brokers(), topics, start).await.expect("it can be read");
    events.into_iter().map(|event| event.key.expect("a key")).collect()
}

async fn what_stands_there_is_told_in_the_order_of_its_times_then_what_comes(on: Kind) {
    let broker = Broker::any(on).await;
    let [one, two] = with_topics(&broker).await;
    for (topic, partition, time) in
        [(&one, 0, 3000), (&two, 1, 2000), (&one, 2, 1000), (&two, 1, 4000), (&one, 0, 5000)]
    {
        send_at(&broker, topic, partition, time, &time.to_string()).await;
    }
    let both = Topics::Only(vec![one.clone(), two]);
    let mut feed = Feed::open(&broker.brokers(), both, Start::Earliest).await.expect("it opens");
    for key in ["1000", "2000", "3000", "4000", "5000"] {
        let event = next_event(&mut feed).await;
        assert_eq!((event.key.as_deref(), event.timestamp), (Some(key), key.parse().ok()));
    }
    assert!(matches!(next(&mut feed).await, Update::CaughtUp));
    send(&broker, &one, "new", Some("id"), &event("order_paid")).await;
    let new = next_event(&mut feed).await;
    assert_eq!((new.key.as_deref(), new.id.as_deref(), new.order()), (Some("new"), Some("id"), Some(7)));
}

async fn a_partition_keeps_its_order_whatever_the_times_say(on: Kind) {
    let broker = Broker::any(on).await;
    let [topic] = with_topics(&broker).await;
    for (partition, time) in [(0, 9000), (0, 1000), (1, 5000)] {
        send_at(&broker, &topic, partition, time, &time.to_string()).await;
    }
    assert_eq!(keys(&broker, only(&topic), Start::Earliest).await, ["5000", "9000", "1000"]);
}

async fn from_the_latest_on_nothing_old_is_told(on: Kind) {
    let broker = Broker::any(on).await;
    let [topic] = with_topics(&broker).await;
    send(&broker, &topic, "old", None, b"").await;
    let mut feed = Feed::open(&broker.brokers(), only(&topic), Start::Latest).await.expect("it opens");
    assert!(matches!(next(&mut feed).await, Update::CaughtUp));
    send(&broker, &topic, "new", None, b"").await;
    assert_eq!(next_event(&mut feed).await.key.as_deref(), Some("new"));
}

async fn from_a_time_on_what_is_older_is_left_out(on: Kind) {
    let broker = Broker::any(on).await;
    let [topic] = with_topics(&broker).await;
    for (partition, time) in [(0, 1000), (0, 2000), (1, 1500), (1, 2500), (2, 500)] {
        send_at(&broker, &topic, partition, time, &time.to_string()).await;
    }
    assert_eq!(keys(&broker, only(&topic), Start::Since(1500)).await, ["1500", "2000", "2500"]);
    assert_eq!(keys(&broker, only(&topic), Start::Since(0)).await.len(), 5);
}

async fn a_time_to_come_is_the_end(on: Kind) {
    let broker = Broker::any(on).await;
    let [topic] = with_topics(&broker).await;
    send(&broker, &topic, "old", None, b"").await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let tomorrow = i64::try_from((now + Duration::from_secs(86_400)).as_millis()).expect("a time");
    let mut feed = Feed::open(&broker.brokers(), only(&topic), Start::Since(tomorrow)).await.expect("it opens");
    assert!(matches!(next(&mut feed).await, Update::CaughtUp));
    send(&broker, &topic, "new", None, b"").await;
    assert_eq!(next_event(&mut feed).await.key.as_deref(), Some("new"));
}

async fn topics_that_come_into_being_are_told_of_too(on: Kind) {
    let broker = Broker::own(on).await;
    let mut feed = Feed::open(&broker.brokers(), Topics::All, Start::Latest).await.expect("it opens");
    assert!(matches!(next(&mut feed).await, Update::CaughtUp));
    let [topic] = with_topics(&broker).await;
    for key in ["1", "2", "3"] {
        send(&broker, &topic, key, None, &event("order_created")).await;
    }
    let mut found = Vec::new();
    while found.len() < 3 {
        let event = next_event(&mut feed).await;
        assert_eq!(event.topic, topic);
        found.extend(event.key);
    }
    found.sort();
    assert_eq!(found, ["1", "2", "3"]);
}

async fn a_topic_that_is_not_there_is_named_before_anything_is_read(on: Kind) {
    let broker = Broker::any(on).await;
    let [topic] = with_topics(&broker).await;
    let both = Topics::Only(vec![topic, "nothing".to_owned()]);
    let error = Feed::open(&broker.brokers(), both, Start::Earliest).await.err().expect("there is none");
    assert!(matches!(&error, Error::NoTopic(topic) if topic == "nothing"), "{error}");
}

async fn an_outage_is_told_and_waited_out(on: Kind) {
    let mut broker = Broker::own(on).await;
    let [topic] = with_topics(&broker).await;
    send(&broker, &topic, "before", None, b"").await;
    let mut feed = Feed::open(&broker.brokers(), only(&topic), Start::Earliest).await.expect("it opens");
    assert_eq!(next_event(&mut feed).await.key.as_deref(), Some("before"));
    assert!(matches!(next(&mut feed).await, Update::CaughtUp));
    broker.stop().await;
    match next(&mut feed).await {
        Update::Away(error) => assert!(error.to_string().contains(&broker.brokers()), "{error}"),
        other => panic!("an outage, not {other:?}"),
    }
    broker.restart().await;
    send(&broker, &topic, "after", None, b"").await;
    let (mut back, mut after) = (false, None);
    while !back || after.is_none() {
        match next(&mut feed).await {
            Update::Back => back = true,
            Update::Event(event) => assert_eq!(after.replace(event.key.expect("a key")), None, "once"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(after.as_deref(), Some("after"));
}

async fn an_outage_ends_what_has_an_end(on: Kind) {
    let mut broker = Broker::own(on).await;
    let [topic] = with_topics(&broker).await;
    // More than fits between the broker and the reader.
    let producer = producer(&broker.brokers());
    let value = vec![b'x'; 100_000];
    for _ in 0..600 {
        let record = FutureRecord::to(&topic).key("k").payload(&value).partition(0);
        producer.send(record, DEADLINE).await.expect("the broker takes it");
    }
    let mut feed = Feed::open(&broker.brokers(), only(&topic), Start::Earliest).await.expect("it opens");
    feed.replayed().await.expect("it can be read");
    broker.stop().await;
    let mut read = 1;
    let error = loop {
        match feed.replayed().await {
            Ok(Some(_)) => read += 1,
            Ok(None) => panic!("all of {read} were read without a broker"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains(&broker.brokers()), "{error}");
}

/// It has nothing to do with the kind of broker, since there is none.
async fn a_broker_that_is_not_there_is_named_in_time(_: Kind) {
    let nobody = Port::reserve().address().to_string();
    let begin = Instant::now();
    let error = Feed::open(&nobody, Topics::All, Start::Latest).await.err().expect("nobody answers");
    assert!(matches!(&error, Error::Unreachable { brokers, .. } if *brokers == nobody), "{error}");
    assert!(begin.elapsed() < DEADLINE);
}

async fn who_reads_slowly_misses_nothing(on: Kind) {
    const RECORDS: usize = 5000;
    let broker = Broker::any(on).await;
    let [topic] = with_topics(&broker).await;
    let mut feed = Feed::open(&broker.brokers(), only(&topic), Start::Latest).await.expect("it opens");
    publish(&broker, &topic, RECORDS).await;
    let mut found = Vec::new();
    assert!(matches!(next(&mut feed).await, Update::CaughtUp));
    while found.len() < RECORDS {
        let event = next_event(&mut feed).await;
        found.push((event.partition, event.offset));
    }
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), RECORDS);
}

async fn a_hundred_thousand_records_are_read_in_seconds(on: Kind) {
    const RECORDS: usize = 100_000;
    let broker = Broker::any(on).await;
    let [topic] = with_topics(&broker).await;
    publish(&broker, &topic, RECORDS).await;
    let begin = Instant::now();
    let mut feed = Feed::open(&broker.brokers(), only(&topic), Start::Earliest).await.expect("it opens");
    let mut read = 0;
    while feed.replayed().await.expect("it can be read").is_some() {
        read += 1;
    }
    eprintln!("{RECORDS} records were read in {:?}", begin.elapsed());
    assert_eq!(read, RECORDS);
    assert!(begin.elapsed() < DEADLINE, "{:?}", begin.elapsed());
}

/// As large as the shop's events are, over all partitions.
async fn publish(broker: &Broker, topic: &str, records: usize) {
    let producer = producer(&broker.brokers());
    let filler = "x".repeat(300);
    let value = format!(r#"{{"type":"order_created","data":{{"order_id":7,"total":12.50,"text":"{filler}"}}}}"#);
    let mut under_way = Vec::new();
    for key in 0..records {
        let key = key.to_string();
        let record = FutureRecord::to(topic).key(&key).payload(&value);
        under_way.push(producer.send_result(record).map_err(|(error, _)| error).expect("there is room"));
        if under_way.len() == 10_000 || under_way.len() == records {
            for sent in under_way.drain(..) {
                sent.await.expect("it is told").map_err(|(error, _)| error).expect("the broker takes it");
            }
        }
    }
    for sent in under_way {
        sent.await.expect("it is told").map_err(|(error, _)| error).expect("the broker takes it");
    }
}
