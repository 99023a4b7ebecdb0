//! Committed offsets: a map in memory and an append-only file, which is rewritten when most of it is history.
//!
//! A line of the file is a checksum and a JSON entry. The end of a file that was cut off in the middle of a line is
//! dropped at the next start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::file;

/// The file's name, in the data directory.
pub(crate) const FILE: &str = "offsets.log";
/// Below this size, in bytes, history does no harm.
const COMPACT_ABOVE: u64 = 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    /// −1 where the client does not know it.
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
}

/// Topic and partition.
pub(crate) type Place = (String, i32);

/// What each group has committed.
pub(crate) type Groups = BTreeMap<String, BTreeMap<Place, Committed>>;

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    group: String,
    topic: String,
    partition: i32,
    /// `None`: it was deleted.
    committed: Option<Committed>,
}

#[derive(Debug)]
pub(crate) struct Offsets(Mutex<Store>);

#[derive(Debug)]
struct Store {
    path: PathBuf,
    file: File,
    fsync: bool,
    size: u64,
    /// What the file would have after a rewrite, about.
    live: u64,
    groups: Groups,
}

impl Offsets {
    /// Reads the file, without the entries of topics that do not exist (any more).
    pub(crate) fn open(path: PathBuf, fsync: bool, exists: impl Fn(&str) -> bool) -> Result<Self, Error> {
        let open = || -> io::Result<Store> {
            let groups = stored(&path, exists)?;
            let (file, size) = write(&path, &groups)?;
            Ok(Store { path: path.clone(), file, fsync, size, live: size, groups })
        };
        let store = open().map_err(|error| Error::io("open", &path, error))?;
        Ok(Self(Mutex::new(store)))
    }

    /// Records offsets of a group, all or (after an error) none.
    pub(crate) fn commit(&self, group: &str, offsets: Vec<(Place, Committed)>) -> io::Result<()> {
        let entry = |((topic, partition), committed)| Entry {
            group: group.to_owned(),
            topic,
            partition,
            committed: Some(committed),
        };
        self.store().write(offsets.into_iter().map(entry).collect())
    }

    pub(crate) fn get(&self, group: &str, topic: &str, partition: i32) -> Option<Committed> {
        self.store().groups.get(group)?.get(&(topic.to_owned(), partition)).cloned()
    }

    /// All that a group has committed.
    pub(crate) fn of_group(&self, group: &str) -> BTreeMap<Place, Committed> {
        self.store().groups.get(group).cloned().unwrap_or_default()
    }

    /// The groups that have committed something.
    pub(crate) fn groups(&self) -> BTreeSet<String> {
        self.store().groups.keys().cloned().collect()
    }

    /// Forgets a group's offsets at these places.
    pub(crate) fn forget(&self, group: &str, places: impl IntoIterator<Item = Place>) -> io::Result<()> {
        let entry = |(topic, partition)| Entry { group: group.to_owned(), topic, partition, committed: None };
        self.store().write(places.into_iter().map(entry).collect())
    }

    /// Forgets what every group has committed for a topic.
    pub(crate) fn forget_topic(&self, topic: &str) -> io::Result<()> {
        let mut store = self.store();
        let mut entries = Vec::new();
        for (group, places) in &store.groups {
            for (topic, partition) in places.keys().filter(|(other, _)| other == topic) {
                let (group, topic) = (group.clone(), topic.clone());
                entries.push(Entry { group, topic, partition: *partition, committed: None });
            }
        }
        store.write(entries)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    fn write(&mut self, entries: Vec<Entry>) -> io::Result<()> {
        let mut lines = Vec::new();
        for entry in &entries {
            lines.extend_from_slice(&line(entry)?);
        }
        if let Err(error) = self.file.write_all_at(&lines, self.size) {
            self.file.set_len(self.size)?;
            return Err(error);
        }
        if self.fsync {
            self.file.sync_data()?;
        }
        self.size += lines.len() as u64;
        for entry in &entries {
            apply(&mut self.groups, entry);
        }
        if self.size > COMPACT_ABOVE && self.size > 4 * self.live {
            match write(&self.path, &self.groups) {
                Ok((file, size)) => (self.file, self.size, self.live) = (file, size, size),
                // The entries stand in the longer file just as well.
                Err(error) => tracing::warn!(%error, "cannot compact the committed offsets yet"),
            }
        }
        Ok(())
    }
}

/// What stands in the file, by group, but for topics that do not exist (any more).
pub(crate) fn stored(path: &Path, exists: impl Fn(&str) -> bool) -> io::Result<Groups> {
    let content = file::read(path)?.unwrap_or_default();
    let mut groups = Groups::new();
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        let Some(entry) = parse(line) else {
            tracing::warn!(file = %path.display(), "dropped what follows a torn entry");
            break;
        };
        apply(&mut groups, &entry);
    }
    for places in groups.values_mut() {
        places.retain(|(topic, _), _| exists(topic));
    }
    groups.retain(|_, places| !places.is_empty());
    Ok(groups)
}

/// Replaces the file by one without history; answers with it and its size in bytes.
fn write(path: &Path, groups: &Groups) -> io::Result<(File, u64)> {
    let mut lines = Vec::new();
    for (group, places) in groups {
        for ((topic, partition), committed) in places {
            let committed = Some(committed.clone());
            let entry = Entry { group: group.clone(), topic: topic.clone(), partition: *partition, committed };
            lines.extend_from_slice(&line(&entry)?);
        }
    }
    Ok((file::replace(path, &lines)?, lines.len() as u64))
}

fn apply(groups: &mut Groups, entry: &Entry) {
    let place = (entry.topic.clone(), entry.partition);
    match &entry.committed {
        Some(committed) => {
            groups.entry(entry.group.clone()).or_default().insert(place, committed.clone());
        }
        None => {
            if let Some(places) = groups.get_mut(&entry.group) {
                places.remove(&place);
                if places.is_empty() {
                    groups.remove(&entry.group);
                }
            }
        }
    }
}

fn line(entry: &Entry) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(entry)?;
    let mut line = format!("{:08x} ", crc32c::crc32c(&json)).into_bytes();
    line.extend_from_slice(&json);
    line.push(b'\n');
    Ok(line)
}

fn parse(line: &[u8]) -> Option<Entry> {
    let line = line.strip_suffix(b"\n")?;
    let (crc, json) = line.split_at_checked(9)?;
    let crc = u32::from_str_radix(std::str::from_utf8(crc).ok()?.trim_end(), 16).ok()?;
    if crc32c::crc32c(json) != crc {
        return None;
    }
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(offset: i64) -> Committed {
        Committed { offset, leader_epoch: -1, metadata: String::new() }
    }

    #[test]
    fn history_is_dropped_and_the_newest_offsets_stand() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("offsets.log");
        let offsets = Offsets::open(path.clone(), false, |_| true).expect("a store");
        let commits = 40_000;
        for offset in 0..commits {
            let place = ("orders".to_owned(), i32::try_from(offset % 3).expect("small"));
            offsets.commit("readers", vec![(place, committed(offset))]).expect("committed");
        }
        let size = std::fs::metadata(&path).expect("a file").len();
        assert!(size <= COMPACT_ABOVE + 1000, "{size} bytes");
        let again = Offsets::open(path.clone(), false, |_| true).expect("the same store");
        for store in [offsets, again] {
            for partition in 0..3 {
                let newest = (0..commits).rev().find(|offset| offset % 3 == i64::from(partition));
                assert_eq!(store.get("readers", "orders", partition).map(|committed| committed.offset), newest);
            }
        }
        assert!(std::fs::metadata(&path).expect("a file").len() < 1000);
    }
}
