//! Publishing dead letters to where they came from.

use std::collections::BTreeMap;

use super::{Letter, Origin, PREFIX, REDRIVEN, dead_letters};
use crate::{
    Error,
    publish::{Outgoing, Place, Publisher},
};

/// Which of a topic's letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    All,
    /// Those of an entity.
    Key(Vec<u8>),
    /// One, by its own place.
    At(Place),
}

/// What became of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It stands there now.
    Published(Place),
    /// The refused record stands behind itself already, or was published for another letter of it just now.
    Already,
    /// It cannot be, and why.
    Impossible(&'static str),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Redriven {
    pub letter: Letter,
    pub outcome: Outcome,
}

impl Which {
    fn takes(&self, letter: &Letter) -> bool {
        match self {
            Self::All => true,
            Self::Key(key) => letter.event.raw_key.as_ref() == Some(key),
            Self::At(place) => (letter.event.partition, letter.event.offset) == (place.partition, place.offset),
        }
    }
}

/// Publishes letters of a topic of dead letters to where they came from, with their key, value and headers, in the order of
/// the refused records. May be repeated: what was redriven is passed over.
///
/// # Errors
/// When the broker does not answer or refuses a record (what was published before that stays, and is passed over the next
/// time), or the topic does not exist or is none of dead letters.
pub async fn redrive(brokers: &str, topic: &str, which: &Which) -> Result<Vec<Redriven>, Error> {
    let mut letters = dead_letters(brokers, &[topic.to_owned()]).await?;
    letters.retain(|letter| which.takes(letter));
    // Of one record there may be several letters, one of each group that refused it.
    letters.sort_by(|a, b| a.origin.cmp(&b.origin));
    let mut redriven: Vec<Redriven> = Vec::new();
    let mut outgoing: BTreeMap<String, Vec<(usize, Outgoing)>> = BTreeMap::new();
    let mut last: Option<Origin> = None;
    for letter in letters {
        let again = letter.origin.place.is_some() && last.as_ref() == Some(&letter.origin);
        let outcome = match letter {
            Letter { redriven: true, .. } => Outcome::Already,
            _ if again => Outcome::Already,
            Letter { omitted: true, .. } => {
                Outcome::Impossible("its value was too large to be kept among the dead letters")
            }
            _ => {
                last = Some(letter.origin.clone());
                outgoing.entry(letter.origin.topic.clone()).or_default().push((redriven.len(), record(&letter)));
                // Until it is known.
                Outcome::Already
            }
        };
        redriven.push(Redriven { letter, outcome });
    }
    let publisher = Publisher::new(brokers)?;
    for (topic, records) in outgoing {
        let (places, records): (Vec<usize>, Vec<Outgoing>) = records.into_iter().unzip();
        let told = |at: usize, place| redriven[places[at]].outcome = Outcome::Published(place);
        publisher.publish(&topic, &records, told).await?;
    }
    Ok(redriven)
}

fn record(letter: &Letter) -> Outgoing {
    let own = |(name, _): &&(String, Option<Vec<u8>>)| !name.starts_with(PREFIX) && name != REDRIVEN;
    let mut headers: Vec<_> = letter.event.headers.iter().filter(own).cloned().collect();
    headers.push((REDRIVEN.to_owned(), Some(letter.mark().into_bytes())));
    Outgoing {
        // Behind the refused one, whoever published that: there it is looked for.
        partition: letter.origin.place.map(|(partition, _)| partition),
        key: letter.event.raw_key.clone(),
        value: letter.event.value.clone(),
        headers,
    }
}
