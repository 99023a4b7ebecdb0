//! The same of an embedded broker that does not run, from its files: what stands in its topics, and how far groups were.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    path::Path,
};

use shopctl_broker::{Positions, Records};

use crate::{
    Error, Event, Record,
    feed::Topics,
    lag::{self, Group},
    stats::{self, Measured},
    tail::Start,
};

/// The state of a group that nobody is in, in a broker's words.
const EMPTY: &str = "Empty";

/// What such a broker has left.
#[derive(Debug)]
pub struct Stored(shopctl_broker::Stored);

/// A partition by its offsets, and what was found in it.
pub type Counted = (stats::Partition, Measured);

impl Stored {
    /// What is in a broker's data directory; `None` if none has ever been there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(dir: &Path) -> Result<Option<Self>, Error> {
        Ok(shopctl_broker::Stored::open(dir)?.map(Self))
    }

    /// The topics, but those that the broker keeps for itself.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.0.topics().filter(|topic| !topic.starts_with("__"))
    }

    /// All that stands in these topics, in the order of its times, and in each partition in that of its offsets. Reading
    /// blocks.
    ///
    /// # Errors
    /// When it cannot be read, or a topic that was named does not exist.
    pub fn events(&self, topics: &Topics, start: Start) -> Result<Events, Error> {
        let named: Vec<String> = match topics {
            Topics::All => Vec::new(),
            // Nothing named is nothing wanted.
            Topics::Only(names) if names.is_empty() => return Ok(Events::default()),
            Topics::Only(names) => names.clone(),
        };
        let mut events = Events { sources: Vec::new(), oldest: BinaryHeap::new() };
        for (topic, partition, records) in self.partitions(&named)? {
            let since = match start {
                Start::Earliest => Some(i64::MIN),
                Start::Since(since) => Some(since),
                Start::Latest => None,
            };
            let source = Source { topic, partition, records, since, head: None };
            events.advance(source)?;
        }
        Ok(events)
    }

    /// What stands in these topics (none: in all).
    ///
    /// # Errors
    /// As for [`Stored::events`]. Blocks.
    pub fn stats(&self, topics: &[String]) -> Result<Vec<Counted>, Error> {
        let since = stats::recent();
        let mut found = Vec::new();
        for (topic, partition, mut records) in self.partitions(topics)? {
            let mut measured = Measured::default();
            let mut recent = None;
            for record in records.by_ref() {
                let record = record.map_err(|source| Error::File { topic: topic.clone(), source })?;
                let offset = record.offset;
                let event = event(&topic, partition, record);
                measured.add(&event);
                recent = recent.or_else(|| event.timestamp.filter(|at| *at >= since).map(|_| offset));
            }
            let (first, next) = (records.start(), records.end());
            let recent = recent.map_or(0, |recent| next - recent);
            found.push((stats::Partition { topic, partition, first, next, recent }, measured));
        }
        Ok(found)
    }

    /// How far each consumer group is behind.
    ///
    /// # Errors
    /// When it cannot be read. Blocks.
    pub fn groups(&self) -> Result<Vec<Group>, Error> {
        let mut ranges = BTreeMap::new();
        for (topic, partition, mut records) in self.partitions(&[])? {
            for record in records.by_ref() {
                record.map_err(|source| Error::File { topic: topic.clone(), source })?;
            }
            ranges.insert((topic, partition), (records.start(), records.end()));
        }
        let group = |(name, committed): (String, Positions)| {
            let partitions = committed.into_iter().filter_map(|((topic, partition), offset)| {
                let (first, end) = *ranges.get(&(topic.clone(), partition))?;
                // What is gone is behind nobody.
                let lag = (end - offset.max(first)).max(0);
                Some(lag::Partition { topic, partition, committed: Some(offset), end, lag, client: None })
            });
            Group { name, state: EMPTY.to_owned(), members: 0, partitions: partitions.collect() }
        };
        Ok(self.0.committed()?.into_iter().map(group).collect())
    }

    fn partitions(&self, named: &[String]) -> Result<Vec<(String, i32, Records)>, Error> {
        let known: BTreeSet<&str> = self.topics().collect();
        if let Some(unknown) = named.iter().find(|name| !known.contains(name.as_str())) {
            return Err(Error::NoTopic(unknown.clone()));
        }
        let mut found = Vec::new();
        for topic in known.into_iter().filter(|topic| named.is_empty() || named.iter().any(|name| name == topic)) {
            let partitions = self.0.partitions(topic)?.into_iter();
            found.extend(partitions.map(|(index, records)| (topic.to_owned(), index, records)));
        }
        Ok(found)
    }
}

/// The events of some partitions. Ends with the first error of each partition.
#[derive(Debug, Default)]
pub struct Events {
    sources: Vec<Source>,
    /// Times of the sources' next events, the oldest on top.
    oldest: BinaryHeap<Reverse<(Option<i64>, usize)>>,
}

#[derive(Debug)]
struct Source {
    topic: String,
    partition: i32,
    records: Records,
    /// What is older is passed over, up to the first that is not; with none, all is.
    since: Option<i64>,
    head: Option<Event>,
}

impl Source {
    fn next(&mut self) -> Result<Option<Event>, Error> {
        let Some(since) = self.since else { return Ok(None) };
        for record in self.records.by_ref() {
            let record = record.map_err(|source| Error::File { topic: self.topic.clone(), source })?;
            if record.timestamp >= since {
                self.since = Some(i64::MIN);
                return Ok(Some(event(&self.topic, self.partition, record)));
            }
        }
        Ok(None)
    }
}

impl Events {
    fn advance(&mut self, mut source: Source) -> Result<(), Error> {
        source.head = source.next()?;
        self.oldest.extend(source.head.as_ref().map(|event| Reverse((event.timestamp, self.sources.len()))));
        self.sources.push(source);
        Ok(())
    }
}

impl Iterator for Events {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((_, at)) = self.oldest.pop()?;
        let source = self.sources.get_mut(at)?;
        let event = source.head.take()?;
        match source.next() {
            Ok(next) => {
                self.oldest.extend(next.as_ref().map(|event| Reverse((event.timestamp, at))));
                source.head = next;
                Some(Ok(event))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

fn event(topic: &str, partition: i32, record: shopctl_broker::Record) -> Event {
    let shopctl_broker::Record { offset, timestamp, key, value, headers } = record;
    let timestamp = (timestamp >= 0).then_some(timestamp);
    Record { topic: topic.to_owned(), partition, offset, timestamp, key, value, headers }.into()
}
