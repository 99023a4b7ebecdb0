//! How far consumer groups are behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    groups::GroupInfo,
};
use serde::Serialize;

use crate::{
    asker::{self, Failure, Ranges},
    client,
};

/// A consumer group and what it has left to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    pub name: String,
    /// In the broker's words: `Stable`, `Empty`, `PreparingRebalance`, ...
    pub state: String,
    /// How many processes are in it now.
    pub members: usize,
    /// Where it has committed an offset, or one of its members is reading.
    pub partitions: Vec<Partition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    pub topic: String,
    pub partition: i32,
    /// The offset that it goes on with; none if it has committed nothing yet.
    pub committed: Option<i64>,
    /// The offset that the partition's next record gets.
    pub end: i64,
    /// Records that are not dealt with yet. Offsets that are no records (compacted, markers of transactions) count too.
    pub lag: i64,
    /// Who reads it, by its client's id; nobody if nobody is there.
    pub client: Option<String>,
}

impl Group {
    /// Records that are not dealt with yet, in all its partitions.
    #[must_use]
    pub fn lag(&self) -> i64 {
        self.partitions.iter().map(|partition| partition.lag).sum()
    }
}

/// A client for each group that was asked about: committed offsets are told only to one of that name. None ever joins.
#[derive(Default)]
pub(crate) struct Clients(Mutex<BTreeMap<String, Arc<BaseConsumer>>>);

impl Drop for Clients {
    /// Each waits for the broker.
    fn drop(&mut self) {
        let clients = std::mem::take(self.0.get_mut().unwrap_or_else(PoisonError::into_inner));
        thread::spawn(|| drop(clients));
    }
}

impl Clients {
    fn of(&self, group: &str, brokers: &str) -> Result<Arc<BaseConsumer>, KafkaError> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(group) {
            return Ok(Arc::clone(client));
        }
        let client: Arc<BaseConsumer> = Arc::new(asker::reader(brokers).set("group.id", group).create()?);
        clients.insert(group.to_owned(), Arc::clone(&client));
        Ok(client)
    }
}

/// Blocks.
pub(crate) fn ask(asker: &BaseConsumer, brokers: &str, clients: &Clients) -> Result<Vec<Group>, Failure> {
    let ranges = asker::ranges(asker, &asker::all_partitions(asker, client::ANSWER)?)?;
    let list = asker.fetch_group_list(None, client::ANSWER)?;
    // Others coordinate other things by groups, too; one without members has no type.
    let consumers = list.groups().iter().filter(|group| matches!(group.protocol_type(), "consumer" | ""));
    let mut groups = consumers.map(|group| of(group, &ranges, brokers, clients)).collect::<Result<Vec<_>, _>>()?;
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(groups)
}

fn of(group: &GroupInfo, ranges: &Ranges, brokers: &str, clients: &Clients) -> Result<Group, Failure> {
    let mut asked = TopicPartitionList::new();
    for (topic, partition) in ranges.keys() {
        asked.add_partition(topic, *partition);
    }
    let client = clients.of(group.name(), brokers)?;
    let committed = client.committed_offsets(asked, client::ANSWER)?.to_topic_map();
    let readers: BTreeMap<(String, i32), String> = group
        .members()
        .iter()
        .flat_map(|member| {
            assigned(member.assignment()).into_iter().map(|place| (place, member.client_id().to_owned()))
        })
        .collect();
    let partition = |(place, (low, high)): (&(String, i32), &(i64, i64))| {
        let committed = match committed.get(place) {
            Some(Offset::Offset(offset)) => Some(*offset),
            Some(_) | None => None,
        };
        let client = readers.get(place).cloned();
        (committed.is_some() || client.is_some()).then(|| Partition {
            topic: place.0.clone(),
            partition: place.1,
            committed,
            end: *high,
            // What is gone is behind nobody.
            lag: (high - committed.unwrap_or(*low).max(*low)).max(0),
            client,
        })
    };
    Ok(Group {
        name: group.name().to_owned(),
        state: group.state().to_owned(),
        members: group.members().len(),
        partitions: ranges.iter().filter_map(partition).collect(),
    })
}

/// The partitions in a member's assignment, as Kafka's consumers write it; what is something else has none.
fn assigned(assignment: Option<&[u8]>) -> BTreeSet<(String, i32)> {
    assignment.and_then(read).unwrap_or_default()
}

/// Version, then topics, each with its partitions.
fn read(mut bytes: &[u8]) -> Option<BTreeSet<(String, i32)>> {
    let bytes = &mut bytes;
    let _version = take::<2>(bytes)?;
    let mut places = BTreeSet::new();
    for _topic in 0..i32::from_be_bytes(take(bytes)?) {
        let length = usize::try_from(i16::from_be_bytes(take(bytes)?)).ok()?;
        let (name, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        let name = std::str::from_utf8(name).ok()?;
        for _partition in 0..i32::from_be_bytes(take(bytes)?) {
            places.insert((name.to_owned(), i32::from_be_bytes(take(bytes)?)));
        }
    }
    Some(places)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_and_what_is_none_has_no_partitions() {
        let bytes = b"\0\x01\0\0\0\x01\0\x02ab\0\0\0\x02\0\0\0\0\0\0\0\x07\xff\xff\xff\xff";
        assert_eq!(assigned(Some(bytes)), BTreeSet::from([("ab".to_owned(), 0), ("ab".to_owned(), 7)]));
        for length in 0..bytes.len() - 4 {
            assert!(assigned(Some(&bytes[..length])).is_empty(), "{length}");
        }
        assert!(assigned(Some(b"\0\0\x7f\xff\xff\xff\xff\xff")).is_empty());
        assert!(assigned(None).is_empty());
    }
}
