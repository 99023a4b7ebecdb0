//! The events of an order or a trace, read along without a group.

use std::{collections::BTreeSet, time::Duration};

use shopctl_kafka::{Error, Feed, Observer, Stored, feed::Topics, lag::Group, tail::Start};
use shopctl_trace::{Event, Reading, Stamp};
use tokio::time::timeout;

/// For what a broker of this machine answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long behind the last event of an order another one of it may still stand: a redelivery.
const BEHIND: u64 = 10_000_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Order(i64),
    Trace(String),
}

#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) events: Vec<Event>,
    pub(super) readings: Vec<Reading>,
    orders: BTreeSet<i64>,
}

impl Told {
    /// The orders that the events are about.
    pub(super) fn orders(&self) -> Vec<i64> {
        self.orders.iter().copied().collect()
    }
}

/// What stands in the topics from `begin` on; if `version` is the order's last one, no further than needed. The error is in
/// words.
pub(super) async fn read(
    brokers: &str,
    wanted: Wanted,
    begin: Option<Stamp>,
    version: Option<i64>,
) -> Result<Told, String> {
    let groups = async { Observer::new(brokers)?.lag().await };
    let both = async { tokio::try_join!(told(brokers, &wanted, begin, version), groups) };
    let both = timeout(PATIENCE, both).await.map_err(|_| silent())?;
    let (mut told, groups) = both.map_err(|error| error.to_string())?;
    told.readings = readings(groups, &told.events);
    Ok(told)
}

fn silent() -> String {
    format!("Kafka has not answered for {} s", PATIENCE.as_secs())
}

async fn told(brokers: &str, wanted: &Wanted, begin: Option<Stamp>, version: Option<i64>) -> Result<Told, Error> {
    let start = begin.map_or(Start::Earliest, |begin| Start::Since((begin.0 / 1_000_000).cast_signed()));
    let mut feed = Feed::open(brokers, Topics::All, start).await?;
    let mut told = Told::default();
    while let Some(event) = feed.replayed().await? {
        let time = event.timestamp.map(Stamp::from_millis);
        let is_wanted = told.note(&event, wanted);
        if !is_wanted && version.is_some_and(|version| told.is_complete(version, time)) {
            break;
        }
    }
    Ok(told)
}

/// The same of a broker that does not run, without how far everyone is: nobody goes on. Reads all that stands there. Blocks.
pub(super) fn left(stored: &Stored, wanted: &Wanted) -> Result<Told, String> {
    let mut told = Told::default();
    for event in stored.events(&Topics::All, Start::Earliest).map_err(|error| error.to_string())? {
        told.note(&event.map_err(|error| error.to_string())?, wanted);
    }
    Ok(told)
}

impl Told {
    /// Takes it in if it is wanted.
    fn note(&mut self, event: &shopctl_kafka::Event, wanted: &Wanted) -> bool {
        let order = event.order();
        let trace = event.traceparent.as_deref().and_then(trace_id);
        let is_wanted = match wanted {
            Wanted::Order(id) => order == Some(*id),
            Wanted::Trace(id) => trace.as_ref() == Some(id),
        };
        if is_wanted {
            self.orders.extend(order);
            self.events.push(shown(event, event.timestamp.map(Stamp::from_millis), trace));
        }
        is_wanted
    }

    /// Whether nothing of the order can be expected any more behind this time.
    fn is_complete(&self, version: i64, time: Option<Stamp>) -> bool {
        let last = self.events.iter().filter_map(|event| event.time).max();
        let late = last.zip(time).is_some_and(|(last, time)| time.since(last).0 > BEHIND);
        late && !self.events.iter().any(Event::is_dead)
            && (1..=version).all(|version| self.events.iter().any(|event| event.version == Some(version)))
    }
}

fn shown(event: &shopctl_kafka::Event, time: Option<Stamp>, trace: Option<String>) -> Event {
    Event {
        topic: event.topic.clone(),
        partition: event.partition,
        offset: event.offset,
        time,
        occurred: event.header_text("ce_time").and_then(Stamp::parse),
        id: event.id.clone(),
        r#type: event.what().map(str::to_owned),
        status: event.data["status"].as_str().map(str::to_owned),
        version: event.data["version"].as_i64(),
        trace,
        refused_by: event.header_text("dlt_group").map(str::to_owned),
        refused_why: event.header_text("dlt_error").map(str::to_owned),
    }
}

/// How far everyone is in the partitions in which these events stand.
fn readings(groups: Vec<Group>, events: &[Event]) -> Vec<Reading> {
    let places: BTreeSet<(&str, i32)> =
        events.iter().filter(|event| !event.is_dead()).map(|event| (event.topic.as_str(), event.partition)).collect();
    let mut readings = Vec::new();
    for group in groups {
        for one in &group.partitions {
            if places.contains(&(one.topic.as_str(), one.partition)) {
                readings.push(Reading {
                    group: group.name.clone(),
                    members: group.members,
                    topic: one.topic.clone(),
                    partition: one.partition,
                    committed: one.committed,
                    lag: one.lag,
                });
            }
        }
    }
    readings
}

/// The id in a `traceparent`: 32 hexadecimal digits after the version.
pub(super) fn trace_id(traceparent: &str) -> Option<String> {
    let id = traceparent.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(version: i64, seconds: i64) -> Event {
        Event { version: Some(version), time: Some(Stamp::from_millis(seconds * 1000)), ..Event::default() }
    }

    #[test]
    fn reading_ends_only_where_every_version_was_seen_and_none_was_refused() {
        let at = |seconds: i64| Some(Stamp::from_millis(seconds * 1000));
        let mut told = Told { events: vec![event(1, 0), event(2, 1)], ..Told::default() };
        assert!(told.is_complete(2, at(12)));
        assert!(!told.is_complete(2, at(5)), "a redelivery may come");
        assert!(!told.is_complete(3, at(12)), "a version is missing");
        assert!(!told.is_complete(2, None));
        told.events.push(Event { refused_by: Some("payment".to_owned()), ..event(2, 1) });
        assert!(!told.is_complete(2, at(12)), "it may have been redriven");
    }
}
