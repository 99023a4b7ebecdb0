use std::collections::BTreeMap;

use shopctl_kafka::{
    Event, Observer, Tail,
    tail::Start,
    topics::{self, DEAD},
};

use crate::invariants::{
    Error,
    history::{History, Letter, Place, Record, Topic},
    told,
};

/// The groups that the shop's events are for.
const GROUPS: [&str; 2] = ["recommender", "payment"];

/// The topics, read along.
pub(in crate::invariants) struct Topics {
    observer: Observer,
    tail: Tail,
    /// Offset of the next record, by topic and partition.
    next: BTreeMap<(String, i32), i64>,
}

/// How many records nobody may have dealt with yet, and how many there are at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::invariants) struct Progress {
    pub(in crate::invariants) lag: i64,
    pub(in crate::invariants) records: i64,
}

impl Topics {
    pub(in crate::invariants) async fn open(brokers: &str) -> Result<Self, Error> {
        let observer = Observer::new(brokers)?;
        let tail = Tail::open(brokers, &topics::ALL, Start::Earliest).await?;
        Ok(Self { observer, tail, next: BTreeMap::new() })
    }

    /// Reads up to what is the end now, behind what was read before.
    pub(in crate::invariants) async fn catch_up(&mut self, history: &mut History) -> Result<(), Error> {
        let ends = self.observer.stats(&topics::ALL.map(str::to_owned)).await?;
        let ends = ends.into_iter().filter(|one| one.first < one.next);
        let ends: BTreeMap<(String, i32), i64> = ends.map(|one| ((one.topic, one.partition), one.next)).collect();
        while ends.iter().any(|(place, end)| self.next.get(place).is_none_or(|next| next < end)) {
            let event = self.tail.next().await?;
            self.next.insert((event.topic.clone(), event.partition), event.offset + 1);
            // Whole they take far more room than what is said of them.
            take(event, history);
        }
        history.records.sort_by_key(|record| record.place);
        Ok(())
    }

    pub(in crate::invariants) async fn progress(&self) -> Result<Progress, Error> {
        let ends = self.observer.stats(&topics::ALL.map(str::to_owned)).await?;
        let groups = self.observer.lag().await?;
        let wanted = Topic::ALL.map(Topic::name);
        let lag = |group: &str| {
            let group = groups.iter().find(|one| one.name == group);
            let behind = |topic: &str, partition: i32| {
                let partitions = group.into_iter().flat_map(|group| &group.partitions);
                partitions.into_iter().find(|one| one.topic == topic && one.partition == partition).map(|one| one.lag)
            };
            // Who has committed nothing yet has everything before it.
            let of_topics = ends.iter().filter(|one| wanted.contains(&one.topic.as_str()));
            of_topics.map(|one| behind(&one.topic, one.partition).unwrap_or(one.next - one.first)).sum::<i64>()
        };
        Ok(Progress { lag: GROUPS.map(lag).iter().sum(), records: ends.iter().map(|one| one.next).sum() })
    }
}

fn take(event: Event, history: &mut History) {
    let of = |name: &str| Topic::ALL.into_iter().find(|topic| topic.name() == name);
    if let Some(topic) = event.topic.strip_suffix(DEAD).and_then(of) {
        history.letters.push(letter(topic, event));
    } else if let Some(topic) = of(&event.topic) {
        history.records.push(record(topic, event));
    }
}

fn record(topic: Topic, event: Event) -> Record {
    let told = match topic {
        Topic::Orders => told::of_order(event.kind.as_deref(), &event.data),
        Topic::Products => told::of_product(event.kind.as_deref(), &event.data),
    };
    let place = Place { topic, partition: event.partition, offset: event.offset };
    Record { place, key: event.key, id: event.id, told }
}

fn letter(topic: Topic, event: Event) -> Letter {
    let header = |name: &str| event.header_text(name).map(str::to_owned);
    let origin = header("dlt_partition").zip(header("dlt_offset")).and_then(|(partition, offset)| {
        Some(Place { topic, partition: partition.parse().ok()?, offset: offset.parse().ok()? })
    });
    let (group, error) = (header("dlt_group"), header("dlt_error"));
    Letter { topic, key: event.key, id: event.id, origin, group, error }
}
