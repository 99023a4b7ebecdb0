//! What Kafka says, as data: messages, topics, groups. Somebody else reads it, without joining a group.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use crate::text;

/// Messages that are kept, and bytes of their values.
const MESSAGES: usize = 10_000;
const BYTES: usize = 16 << 20;
/// Of one value: of what is longer only the beginning is wanted.
pub const VALUE_BYTES: usize = 16 << 10;
/// What the name of a topic of dead letters ends in.
const DEAD: &str = ".dlt";

/// A record of one of the shop's topics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Nanoseconds since 1970; 0 if it has no time.
    pub stamp: u64,
    pub key: String,
    /// What happened, such as `order_paid`; empty if it does not say.
    pub kind: String,
    pub order: Option<i64>,
    pub value: String,
    pub headers: Vec<(String, String)>,
}

impl Message {
    /// Where it stands: no other one stands there.
    pub(crate) fn place(&self) -> Place {
        (self.topic.clone(), self.partition, self.offset)
    }
}

/// Topic, partition, offset.
pub(crate) type Place = (String, i32, i64);

/// A topic by its offsets.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    pub name: String,
    pub records: i64,
    /// Records a second within the last minute.
    pub rate: f64,
}

/// How far a consumer group is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub state: String,
    pub members: usize,
    pub partitions: Vec<Partition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    pub topic: String,
    pub partition: i32,
    /// The offset that it goes on with.
    pub committed: Option<i64>,
    pub lag: i64,
}

/// What is told of Kafka.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    Messages(Vec<Message>),
    /// Some that may be older than the first look, or here already.
    Earlier(Vec<Message>),
    Figures {
        topics: Vec<Topic>,
        groups: Vec<Group>,
        /// Dead letters that nobody has redriven, by topic.
        letters: Vec<(String, u64)>,
    },
    /// The broker does not answer.
    Away(String),
    Back,
}

/// What is asked of whoever reads Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Whether figures are looked at; the first time also messages from then on.
    Look(bool),
    /// All messages of an order: since then (nanoseconds since 1970, or from the beginning), up to this version of it.
    Events { order: i64, since: Option<u64>, version: Option<i64> },
    /// Publish dead letters again: one, by partition and offset, or all of a topic.
    Redrive { topic: String, at: Option<(i32, i64)> },
}

/// What is known of Kafka.
#[derive(Debug, Default)]
pub(crate) struct Kafka {
    messages: VecDeque<Message>,
    bytes: usize,
    /// How many were dropped to make room.
    dropped: u64,
    pub(crate) topics: Vec<Topic>,
    pub(crate) groups: Vec<Group>,
    /// Records a second that each group has dealt with of each topic, between the last two looks.
    rates: BTreeMap<(String, String), f64>,
    looked: Option<Duration>,
    pub(crate) letters: Vec<(String, u64)>,
    pub(crate) away: Option<String>,
    /// Words that all have to fit, such as `topic:order type:paid 7`.
    pub(crate) filter: String,
    /// Numbers of those that pass, the newest at the end.
    passing: VecDeque<u64>,
    /// The number of the one with the cursor; the newest one if there is none.
    pub(crate) cursor: Option<u64>,
    pub(crate) looking: bool,
    /// The order whose messages were asked for last.
    pub(crate) sought: Option<i64>,
}

impl Kafka {
    /// `now`: by the clock of messages.
    pub(crate) fn take(&mut self, news: News, now: Duration) {
        match news {
            News::Messages(messages) => messages.into_iter().for_each(|message| self.push(message)),
            News::Earlier(messages) => self.insert(messages),
            News::Figures { topics, groups, letters } => {
                if let Some(before) = self.looked.replace(now) {
                    self.rates = rates(&self.groups, &groups, now.saturating_sub(before).as_secs_f64().max(0.1));
                }
                (self.topics, self.groups, self.letters, self.away) = (topics, groups, letters, None);
            }
            News::Away(why) => self.away = Some(why),
            News::Back => self.away = None,
        }
    }

    fn push(&mut self, message: Message) {
        let number = self.dropped + self.messages.len() as u64;
        if passes(&message, &self.filter) {
            self.passing.push_back(number);
        }
        self.bytes += message.value.len();
        self.messages.push_back(message);
        while self.messages.len() > MESSAGES || self.bytes > BYTES {
            let Some(message) = self.messages.pop_front() else { return };
            self.bytes -= message.value.len();
            self.dropped += 1;
        }
        while self.passing.front().is_some_and(|&number| number < self.dropped) {
            self.passing.pop_front();
        }
        if self.cursor.is_some_and(|cursor| cursor < self.dropped) {
            self.cursor = self.passing.front().copied();
        }
    }

    /// Those that are not here yet, each once.
    pub(crate) fn unknown(&self, messages: Vec<Message>) -> Vec<Message> {
        let mut known: BTreeSet<Place> = self.messages.iter().map(Message::place).collect();
        messages.into_iter().filter(|message| known.insert(message.place())).collect()
    }

    /// Puts them where they belong by their time.
    fn insert(&mut self, messages: Vec<Message>) {
        let held = self.held();
        let mut all: Vec<Message> = std::mem::take(&mut self.messages).into_iter().chain(messages).collect();
        all.sort_by_key(|message| message.stamp);
        self.bytes = 0;
        self.passing.clear();
        all.into_iter().for_each(|message| self.push(message));
        self.set_cursor(held);
    }

    pub(crate) fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        let fitting = self.messages.iter().enumerate().filter(|(_, message)| passes(message, &self.filter));
        self.passing = fitting.map(|(index, _)| self.dropped + index as u64).collect();
        self.cursor = None;
    }

    /// Records a second that a group has dealt with of a topic.
    pub(crate) fn rate(&self, group: &str, topic: &str) -> Option<f64> {
        self.rates.get(&(group.to_owned(), topic.to_owned())).copied()
    }

    /// The newest messages, the filter aside.
    pub(crate) fn recent(&self, count: usize) -> impl Iterator<Item = &Message> {
        self.messages.iter().rev().take(count)
    }

    /// How many pass the filter.
    pub(crate) fn len(&self) -> usize {
        self.passing.len()
    }

    /// Of those that pass, the one at this place.
    pub(crate) fn get(&self, place: usize) -> Option<&Message> {
        let number = self.passing.get(place)?.checked_sub(self.dropped)?;
        self.messages.get(usize::try_from(number).ok()?)
    }

    /// The place of the one with the cursor.
    pub(crate) fn place(&self) -> usize {
        let last = self.passing.len().saturating_sub(1);
        self.cursor.map_or(last, |cursor| self.passing.partition_point(|&number| number < cursor).min(last))
    }

    pub(crate) fn selected(&self) -> Option<&Message> {
        self.get(self.place())
    }

    /// Puts the cursor on the one at this place.
    pub(crate) fn select(&mut self, place: usize) {
        let is_last = place + 1 >= self.passing.len();
        self.cursor = self.passing.get(place).copied().filter(|_| !is_last);
    }

    /// The cursor stays on its message, whatever comes.
    pub(crate) fn hold(&mut self) {
        self.cursor = self.passing.get(self.place()).copied();
    }

    /// Where the cursor is, unless it goes on with what comes.
    pub(crate) fn held(&self) -> Option<Place> {
        self.cursor.and_then(|_| self.selected()).map(Message::place)
    }

    /// Takes up again a filter and a cursor that were left.
    pub(crate) fn resume(&mut self, filter: String, held: Option<Place>) {
        if self.filter != filter {
            self.set_filter(filter);
        }
        self.set_cursor(held);
    }

    fn set_cursor(&mut self, held: Option<Place>) {
        let index = held.and_then(|held| self.messages.iter().position(|message| message.place() == held));
        self.cursor = index.map(|index| self.dropped + index as u64);
    }

    /// The order whose messages alone are shown.
    pub(crate) fn only(&self) -> Option<i64> {
        self.filter.strip_prefix("order:")?.parse().ok()
    }

    /// Whoever arrives at the end goes on with what comes.
    pub(crate) fn step(&mut self, by: i64) {
        let last = self.passing.len().saturating_sub(1);
        let place = self.place().saturating_add_signed(isize::try_from(by).unwrap_or(0)).min(last);
        self.cursor = self.passing.get(place).copied().filter(|_| place < last);
    }

    /// Bytes that the messages take.
    pub(crate) fn memory(&self) -> usize {
        self.bytes + self.messages.capacity() * size_of::<Message>()
    }
}

/// How far each group has come in each topic since it was looked at before.
fn rates(before: &[Group], now: &[Group], seconds: f64) -> BTreeMap<(String, String), f64> {
    let mut rates = BTreeMap::new();
    for group in now {
        let Some(before) = before.iter().find(|before| before.name == group.name) else { continue };
        for partition in &group.partitions {
            let is_it = |other: &&Partition| other.topic == partition.topic && other.partition == partition.partition;
            let since = before.partitions.iter().find(is_it).and_then(|before| before.committed);
            let moved = since.zip(partition.committed).map_or(0, |(before, now)| (now - before).max(0));
            *rates.entry((group.name.clone(), partition.topic.clone())).or_default() += moved as f64 / seconds;
        }
    }
    rates
}

pub(crate) fn is_dead(topic: &str) -> bool {
    topic.ends_with(DEAD)
}

/// Whether every word fits: `topic:`, `key:`, `type:` and `order:` look there, others anywhere.
fn passes(message: &Message, filter: &str) -> bool {
    filter.split_whitespace().all(|word| match word.split_once(':') {
        Some(("topic", part)) => message.topic.contains(part),
        Some(("key", key)) => message.key == key,
        Some(("type", part)) => message.kind.contains(part),
        Some(("order", id)) => message.order.is_some_and(|order| order.to_string() == id),
        _ => {
            let fields = [&message.topic, &message.key, &message.kind, &message.value];
            fields.iter().any(|field| field.contains(word))
                || message.headers.iter().any(|(name, value)| name.contains(word) || value.contains(word))
        }
    })
}

/// The header of that name, fit for a terminal.
pub(crate) fn header(message: &Message, name: &str) -> Option<String> {
    message.headers.iter().rev().find(|(found, _)| found == name).map(|(_, value)| text::plain(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(offset: i64) -> Message {
        let kind = if offset % 2 == 0 { "order_created" } else { "order_paid" };
        Message {
            topic: "order_events".into(),
            offset,
            key: (offset / 2).to_string(),
            kind: kind.into(),
            order: Some(offset / 2),
            value: format!(r#"{{"data":{{"total_cents":{offset}}}}}"#),
            ..Message::default()
        }
    }

    #[test]
    fn words_of_a_filter_all_have_to_fit() {
        for (filter, fits) in [
            ("", true),
            ("topic:order", true),
            ("topic:product", false),
            ("key:3 type:paid", true),
            ("order:3", true),
            ("order:33", false),
            ("total_cents paid", true),
            ("total_cents refunded", false),
        ] {
            assert_eq!(passes(&message(7), filter), fits, "{filter}");
        }
    }

    #[test]
    fn earlier_messages_take_their_place_and_the_cursor_stays_on_its_message() {
        let at = |offset: i64| Message { stamp: 1000 + offset.unsigned_abs(), ..message(offset) };
        let offsets = |kafka: &Kafka| (0..kafka.len()).filter_map(|at| Some(kafka.get(at)?.offset)).collect::<Vec<_>>();
        let mut kafka = Kafka::default();
        kafka.take(News::Messages((5..9).map(at).collect()), Duration::ZERO);
        kafka.step(-1);
        let fresh = kafka.unknown(vec![at(2), at(7), at(2), at(1)]);
        assert_eq!(fresh, [at(2), at(1)]);
        kafka.take(News::Earlier(fresh), Duration::ZERO);
        assert_eq!(offsets(&kafka), [1, 2, 5, 6, 7, 8]);
        assert_eq!(kafka.selected().map(|message| message.offset), Some(7));
        kafka.set_filter("type:created".to_owned());
        assert_eq!((offsets(&kafka), kafka.cursor), (vec![2, 6, 8], None));
        kafka.take(News::Earlier(vec![at(4)]), Duration::ZERO);
        assert_eq!(offsets(&kafka), [2, 4, 6, 8]);
        assert_eq!(kafka.selected().map(|message| message.offset), Some(8), "it goes on with what comes");
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_cursor_stays_on_its_message() {
        let mut kafka = Kafka::default();
        kafka.set_filter("type:paid".into());
        kafka.take(News::Messages((0..9000).map(message).collect()), Duration::ZERO);
        kafka.step(-1);
        let there = kafka.selected().map(|message| message.offset);
        assert_eq!(there, Some(8997));
        kafka.take(News::Messages((9000..15_000).map(message).collect()), Duration::ZERO);
        assert_eq!(kafka.selected().map(|message| message.offset), there);
        kafka.take(News::Messages((15_000..120_000).map(message).collect()), Duration::ZERO);
        assert_eq!(kafka.len(), MESSAGES / 2);
        assert!(kafka.selected().is_some_and(|message| message.offset > 8997), "it was dropped");
        assert!(kafka.memory() < BYTES, "{}", kafka.memory());
        kafka.step(i64::from(u16::MAX));
        assert_eq!(kafka.selected().map(|message| message.offset), Some(119_999));
    }
}
