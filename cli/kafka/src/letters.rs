//! Dead letters: records that a service refused, as it has left them in `<topic>.dlt`; and their redrive.
//!
//! A letter has the key, value and headers of the record that was refused, and in headers of its own (`dlt_…`) where that one
//! stands, who refused it and why. A redrive publishes it to its topic again, without those: the services know an event by its
//! `ce_id`, and one that was refused is in nobody's inbox.
//!
//! Nothing is written to a topic of dead letters, so what was redriven is told from the topic where the record stood: behind
//! it there, in its partition, stands one with the same `ce_id`, or one whose header [`REDRIVEN`] names the refused one (for
//! producers that know no CloudEvents). If that one is refused too it has a letter of its own, which then is the one to redrive.

mod redrive;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    Error, Event, Feed,
    asker::{self, Asker},
    feed::{self, Topics},
    tail::{Positions, Start},
    topics::DEAD,
};

pub use redrive::{Outcome, Redriven, Which, redrive};

/// Header of a record that a redrive has published: topic, partition and offset of the refused one, as `topic/0/17`.
pub const REDRIVEN: &str = "redriven_from";
/// What the services add to a record's own headers begins with this.
const PREFIX: &str = "dlt_";

/// A record that a service refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// As it stands in the topic of dead letters.
    pub event: Event,
    /// Where the refused record stands, as far as the letter tells.
    pub origin: Origin,
    /// The consumer group that refused it.
    pub group: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The record was too large to be kept: its value stands at the origin only.
    pub omitted: bool,
    /// It was published again after it was refused, by a redrive or by its producer.
    pub redriven: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Origin {
    pub topic: String,
    /// Partition and offset.
    pub place: Option<(i32, i64)>,
}

impl Letter {
    fn new(event: Event) -> Self {
        let number = |name: &str| event.header_text(name)?.parse::<i64>().ok();
        let place =
            number("dlt_partition").and_then(|partition| i32::try_from(partition).ok()).zip(number("dlt_offset"));
        let told = event.header_text("dlt_topic").map(str::to_owned);
        let topic = told.unwrap_or_else(|| event.topic.strip_suffix(DEAD).unwrap_or(&event.topic).to_owned());
        let own = |name: &str| event.header_text(name).map(str::to_owned);
        Self {
            origin: Origin { topic, place },
            group: own("dlt_group"),
            reason: own("dlt_error"),
            omitted: event.header("dlt_omitted").is_some(),
            redriven: false,
            event,
        }
    }

    /// What [`REDRIVEN`] says of its redrive: the refused record, or the letter itself where that is not known.
    fn mark(&self) -> String {
        match self.origin.place {
            Some((partition, offset)) => format!("{}/{partition}/{offset}", self.origin.topic),
            None => format!("{}/{}/{}", self.event.topic, self.event.partition, self.event.offset),
        }
    }

    /// Whether `record` is the refused one, published again after it.
    fn is_again(&self, record: &Event) -> bool {
        let name = |name| (record.header(name), self.event.header(name));
        let after = |(partition, offset)| record.partition == partition && record.offset > offset;
        // Where an id is no UUID it counts per source.
        let same = matches!(name("ce_id"), (Some(again), Some(id)) if again == id)
            && matches!(name("ce_source"), (again, source) if again == source)
            && self.origin.place.is_some_and(after);
        record.topic == self.origin.topic && (same || record.header(REDRIVEN) == Some(self.mark().as_bytes()))
    }
}

/// The dead letters of these topics, whose names end in `.dlt` (none: of all of them), in the order of their times.
///
/// # Errors
/// When the broker does not answer, or a topic does not exist or is none of dead letters.
pub async fn dead_letters(brokers: &str, topics: &[String]) -> Result<Vec<Letter>, Error> {
    if let Some(other) = topics.iter().find(|topic| !topic.ends_with(DEAD)) {
        return Err(Error::NoLetters(other.clone()));
    }
    let asker = Asker::new(brokers)?;
    let known = asker.ask(|asker| asker::all_partitions(asker, crate::client::ANSWER)).await?;
    let known: BTreeSet<String> = known.into_iter().map(|(topic, _)| topic).collect();
    let topics = if topics.is_empty() {
        known.iter().filter(|topic| topic.ends_with(DEAD)).cloned().collect()
    } else {
        topics.to_vec()
    };
    let events = feed::history(brokers, Topics::Only(topics), Start::Earliest).await?;
    let mut letters: Vec<Letter> = events.into_iter().map(Letter::new).collect();
    find_redriven(&asker, &known, &mut letters).await?;
    Ok(letters)
}

/// Reads what stands behind the refused records.
async fn find_redriven(asker: &Asker, known: &BTreeSet<String>, letters: &mut [Letter]) -> Result<(), Error> {
    let origins: BTreeSet<&str> = letters.iter().map(|letter| letter.origin.topic.as_str()).collect();
    // One that is gone has nothing behind.
    let topics: Vec<String> = origins.into_iter().filter(|topic| known.contains(*topic)).map(str::to_owned).collect();
    if topics.is_empty() {
        return Ok(());
    }
    let asked = topics.clone();
    let ranges = asker.ask(move |asker| asker::ranges(asker, &asker::places(asker, &asked)?)).await?;
    let (mut begin, ends): (Positions, Positions) = (
        ranges.iter().map(|(place, (_, end))| (place.clone(), *end)).collect(),
        ranges.iter().map(|(place, (_, end))| (place.clone(), *end)).collect(),
    );
    for letter in &*letters {
        for (place, first) in begin.iter_mut().filter(|((topic, _), _)| *topic == letter.origin.topic) {
            let low = ranges[place].0;
            match letter.origin.place {
                Some((partition, offset)) if partition == place.1 => {
                    *first = (*first).min(offset.saturating_add(1).max(low))
                }
                Some(_) => {}
                None => *first = low,
            }
        }
    }
    let mut feed = Feed::between(asker.clone(), Topics::Only(topics), &begin, &ends)?;
    let mut waiting: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
    for (at, letter) in letters.iter().enumerate() {
        let names = letter.event.header("ce_id").map(<[u8]>::to_vec).into_iter().chain([letter.mark().into_bytes()]);
        names.for_each(|name| waiting.entry(name).or_default().push(at));
    }
    while let Some(record) = feed.replayed().await? {
        let names = [record.header("ce_id"), record.header(REDRIVEN)];
        for &at in names.into_iter().flatten().filter_map(|name| waiting.get(name)).flatten() {
            let again = letters[at].is_again(&record);
            letters[at].redriven |= again;
        }
    }
    Ok(())
}
