//! What stands in topics, and how fast it comes.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rdkafka::consumer::BaseConsumer;
use serde::Serialize;

use crate::{
    Error, Event, Feed,
    asker::{self, Failure},
    feed::Topics,
    tail::Start,
};

/// How far back [`Partition::recent`] looks.
pub const RECENT: Duration = Duration::from_secs(60);

/// A partition by its offsets, which cost the broker next to nothing to tell. Where records were compacted away, or
/// transactions left markers, there are fewer records than offsets; [`measure`] counts them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    pub topic: String,
    pub partition: i32,
    /// Offset of the first record that is still there.
    pub first: i64,
    /// Offset that the next record gets.
    pub next: i64,
    /// How many came within [`RECENT`], by their own timestamps.
    pub recent: i64,
}

impl Partition {
    #[must_use]
    pub fn count(&self) -> i64 {
        self.next - self.first
    }

    /// Records per second within [`RECENT`].
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate is no exact figure")]
    pub fn rate(&self) -> f64 {
        self.recent as f64 / RECENT.as_secs_f64()
    }
}

/// Blocks.
pub(crate) fn ask(asker: &BaseConsumer, topics: &[String]) -> Result<Vec<Partition>, Failure> {
    let ranges = asker::ranges(asker, &asker::places(asker, topics)?)?;
    let since = asker::since(asker, &ranges, recent())?;
    let partition = |((topic, partition), (first, next))| {
        let place = (topic, partition);
        let recent = since.get(&place).map_or(0, |since| next - since);
        Partition { topic: place.0, partition, first, next, recent }
    };
    Ok(ranges.into_iter().map(partition).collect())
}

/// When [`RECENT`] began: milliseconds since 1970.
pub(crate) fn recent() -> i64 {
    let then = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(RECENT);
    i64::try_from(then.as_millis()).unwrap_or(i64::MAX)
}

/// What was found in a partition by reading all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Measured {
    pub records: u64,
    /// Of keys, values and headers, unpacked; without what a broker adds.
    pub bytes: u64,
    /// The newest timestamp: milliseconds since 1970.
    pub newest: Option<i64>,
}

impl Measured {
    pub(crate) fn add(&mut self, event: &Event) {
        let headers = event.headers.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len));
        let parts = [&event.raw_key, &event.value].into_iter().flatten().map(Vec::len);
        self.records += 1;
        self.bytes += headers.chain(parts).sum::<usize>() as u64;
        self.newest = self.newest.max(event.timestamp);
    }
}

/// Reads all that stands in topics, by topic and partition. Where nothing stands, nothing is told.
///
/// # Errors
/// When the broker does not answer for 10 s, or a topic that was named does not exist.
pub async fn measure(brokers: &str, topics: Topics) -> Result<BTreeMap<(String, i32), Measured>, Error> {
    let mut feed = Feed::open(brokers, topics, Start::Earliest).await?;
    let mut found: BTreeMap<(String, i32), Measured> = BTreeMap::new();
    while let Some(event) = feed.replayed().await? {
        found.entry((event.topic.clone(), event.partition)).or_default().add(&event);
    }
    Ok(found)
}
