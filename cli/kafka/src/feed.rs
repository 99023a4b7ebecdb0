//! Everything that happens in some topics or in all of them, without a group: first what stands there, in the order of its
//! times, then what comes, as it comes.

mod replay;
mod source;
mod watch;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rdkafka::consumer::{BaseConsumer, StreamConsumer};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use crate::{
    Error, Event,
    asker::{self, Asker},
    client,
    tail::{Positions, Start},
};
use source::Source;
use watch::Watch;

/// Events that may wait for whoever reads the feed; beyond that the feed waits, and the broker keeps the rest.
const AHEAD: usize = 1024;

/// Which topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topics {
    /// All that there are and that come into being, but those that a broker keeps for itself (`__…`).
    All,
    Only(Vec<String>),
}

/// What a [`Feed`] tells.
#[derive(Debug)]
pub enum Update {
    Event(Box<Event>),
    /// All that stood there when the feed was opened has been told.
    CaughtUp,
    /// The broker does not answer; the feed goes on when it does.
    Away(Error),
    /// It answers again.
    Back,
}

/// A place where the events of all partitions come together. It is bounded: who reads slowly slows down the feed, and misses
/// nothing. It ends when it is dropped.
pub struct Feed {
    updates: mpsc::Receiver<Result<Update, Error>>,
    brokers: String,
}

impl Feed {
    /// # Errors
    /// When the broker does not answer within 10 s, or a topic that was named does not exist.
    pub async fn open(brokers: &str, topics: Topics, start: Start) -> Result<Self, Error> {
        let asker = Asker::new(brokers)?;
        let named = match &topics {
            Topics::All => Vec::new(),
            Topics::Only(names) => names.clone(),
        };
        // Nothing named is nothing wanted.
        let nothing = topics != Topics::All && named.is_empty();
        let ask = move |asker: &BaseConsumer| {
            let places = if nothing { BTreeSet::new() } else { asker::places(asker, &named)? };
            let ranges = asker::ranges(asker, &places)?;
            Ok((
                asker::begin(asker, &ranges, start)?,
                ranges.into_iter().map(|(place, (_, end))| (place, end)).collect(),
            ))
        };
        let (begin, ends) = asker.ask(ask).await?;
        Self::between(asker, topics, &begin, &ends)
    }

    /// From these offsets on; what stands before `ends` counts as what was there.
    pub(crate) fn between(asker: Asker, topics: Topics, begin: &Positions, ends: &Positions) -> Result<Self, Error> {
        let brokers = asker.brokers().to_owned();
        let mut config = asker::reader(&brokers);
        config
            // What is no record (a transaction's marker, what compaction took) is passed over silently, and then an end told.
            .set("enable.partition.eof", "true")
            // A reader that has enough for the moment looks again soon; the default lets it run dry for a second.
            .set("fetch.queue.backoff.ms", "10")
            .set("fetch.error.backoff.ms", "100")
            // Of each partition.
            .set("queued.min.messages", "10000")
            .set("queued.max.messages.kbytes", "4096");
        let consumer = config.create().map_err(|source| Error::Client { brokers: brokers.clone(), source })?;
        let consumer: Arc<StreamConsumer> = Arc::new(consumer);
        // First those in which something stands: a broker that is asked about the others alone waits for something to come.
        let (full, empty): (Positions, Positions) =
            begin.clone().into_iter().partition(|(place, offset)| ends.get(place).is_some_and(|end| offset < end));
        let mut sources = source::open(&consumer, &full).map_err(|source| asker.unreachable(source))?;
        sources.extend(source::open(&consumer, &empty).map_err(|source| asker.unreachable(source))?);
        let sources = sources.into_iter().map(|(place, items)| {
            let (next, end) = (begin.get(&place).copied().unwrap_or(0), ends.get(&place).copied().unwrap_or(0));
            Source { items, next, end, early: None }
        });
        let (told, updates) = mpsc::channel(AHEAD);
        let (found, new) = mpsc::unbounded_channel();
        let known = begin.keys().cloned().collect();
        tokio::spawn(replay::run(sources.collect(), new, told.clone(), brokers.clone()));
        tokio::spawn(Watch { asker, consumer, topics, known, found, told }.run());
        Ok(Self { updates, brokers })
    }

    /// What comes next. May be dropped while it waits: nothing gets lost.
    ///
    /// # Errors
    /// When the broker refuses to give more of a topic. The feed goes on with what it has.
    pub async fn next(&mut self) -> Result<Update, Error> {
        self.updates.recv().await.unwrap_or_else(|| Err(Error::Ended { brokers: self.brokers.clone() }))
    }

    /// The next one of those that stood there when the feed was opened; nothing if that was the last.
    ///
    /// # Errors
    /// When the broker refuses to give more, or gives nothing for 10 s: an outage is not waited out.
    pub async fn replayed(&mut self) -> Result<Option<Event>, Error> {
        let deadline = Instant::now() + client::ANSWER;
        loop {
            let next = timeout_at(deadline, self.next()).await;
            match next.map_err(|_| Error::Silent { brokers: self.brokers.clone(), after: client::ANSWER })?? {
                Update::Event(event) => return Ok(Some(*event)),
                Update::CaughtUp => return Ok(None),
                Update::Away(error) => return Err(error),
                Update::Back => {}
            }
        }
    }
}

/// Everything that stands in these topics now, in the order of its times, and in each partition in that of its offsets.
///
/// # Errors
/// When the broker does not answer for 10 s, or a topic that was named does not exist.
pub async fn history(brokers: &str, topics: Topics, start: Start) -> Result<Vec<Event>, Error> {
    let mut feed = Feed::open(brokers, topics, start).await?;
    let mut events = Vec::new();
    while let Some(event) = feed.replayed().await? {
        events.push(event);
    }
    Ok(events)
}

/// How often new topics, and an outage, are looked for.
const LOOK: Duration = Duration::from_secs(1);
