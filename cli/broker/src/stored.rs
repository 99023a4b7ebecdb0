//! What a broker that does not run has left on the disk: its topics, their records, and how far groups have read. Nothing is
//! created, repaired or locked. Of what a broker that runs after all does meanwhile, some may be missing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::log::{Records, folders};
use crate::{identity, offsets, topics};

/// Offsets by topic and partition.
pub type Positions = BTreeMap<(String, i32), i64>;

/// The data of a broker.
#[derive(Debug)]
pub struct Stored {
    dir: PathBuf,
    /// Folder and number of partitions, by name.
    topics: BTreeMap<String, (PathBuf, usize)>,
}

impl Stored {
    /// What is in `dir`; `None` if no broker has ever been there.
    ///
    /// # Errors
    /// They cannot be read, or are of another version.
    pub fn open(dir: &Path) -> Result<Option<Self>, Error> {
        if !identity::is_there(dir)? {
            return Ok(None);
        }
        let folder = dir.join("topics");
        let topics = topics::stored(&folder).map_err(|error| Error::io("read", &folder, error))?;
        Ok(Some(Self { dir: dir.to_owned(), topics }))
    }

    /// The names of its topics, in their order.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.keys().map(String::as_str)
    }

    /// The records of each partition of a topic; none of one that is not there.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn partitions(&self, topic: &str) -> Result<Vec<(i32, Records)>, Error> {
        let Some((folder, count)) = self.topics.get(topic) else { return Ok(Vec::new()) };
        let open = |(index, dir): (i32, PathBuf)| match Records::open(dir.clone()) {
            Ok(records) => Ok((index, records)),
            Err(error) => Err(Error::io("read", &dir, error)),
        };
        folders(folder, *count).map(open).collect()
    }

    /// The offsets that groups go on with.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn committed(&self) -> Result<BTreeMap<String, Positions>, Error> {
        let path = self.dir.join(offsets::FILE);
        let groups = offsets::stored(&path, |topic| self.topics.contains_key(topic));
        let groups = groups.map_err(|error| Error::io("read", &path, error))?;
        let offsets = groups.into_iter().map(|(group, places)| {
            (group, places.into_iter().map(|(place, committed)| (place, committed.offset)).collect())
        });
        Ok(offsets.collect())
    }
}
