//! The topics and where they are on the disk.
//!
//! A topic is a directory named after its id, with `topic.json` and a directory for each partition. It comes into
//! being and ends by a rename of that directory, so that a kill at any moment leaves it whole or gone.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kafka_protocol::ResponseError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Error;
use crate::file;
use crate::log::Partition;
use crate::settings::Settings;

const DESCRIPTION: &str = "topic.json";
const UNFINISHED: &str = "new";
const DELETED: &str = "deleted";
/// More in one topic are surely a mistake on a developer's machine.
pub(crate) const MAX_PARTITIONS: i32 = 1000;

/// A topic as it is now; a change makes a new one.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) id: Uuid,
    /// Only what differs from the defaults.
    pub(crate) configs: BTreeMap<String, String>,
    pub(crate) settings: Settings,
    pub(crate) partitions: Vec<Arc<Partition>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Description {
    name: String,
    id: Uuid,
    partitions: usize,
    configs: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct Topics {
    dir: PathBuf,
    defaults: Settings,
    fsync: bool,
    by_name: RwLock<BTreeMap<String, Arc<Topic>>>,
    /// Held by whoever changes a topic: what is on the disk and `by_name` change as one.
    changing: Mutex<()>,
}

impl Topic {
    pub(crate) fn partition(&self, index: i32) -> Result<&Arc<Partition>, ResponseError> {
        let partition = usize::try_from(index).ok().and_then(|index| self.partitions.get(index));
        partition.ok_or(ResponseError::UnknownTopicOrPartition)
    }
}

impl Topics {
    /// Opens what is in `dir`, several partitions at a time.
    pub(crate) fn open(dir: PathBuf, defaults: Settings, fsync: bool) -> Result<Self, Error> {
        fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
        let mut by_name = BTreeMap::new();
        for entry in fs::read_dir(&dir).map_err(|error| Error::io("read", &dir, error))? {
            let path = entry.map_err(|error| Error::io("read", &dir, error))?.path();
            if path.extension().is_some() {
                fs::remove_dir_all(&path).map_err(|error| Error::io("remove", &path, error))?;
                continue;
            }
            let topic = load(&path, defaults, fsync).map_err(|error| Error::io("open", &path, error))?;
            by_name.insert(topic.name.clone(), Arc::new(topic));
        }
        Ok(Self { dir, defaults, fsync, by_name: RwLock::new(by_name), changing: Mutex::default() })
    }

    pub(crate) fn get(&self, name: &str) -> Result<Arc<Topic>, ResponseError> {
        let by_name = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        by_name.get(name).cloned().ok_or(ResponseError::UnknownTopicOrPartition)
    }

    pub(crate) fn with_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.all().into_iter().find(|topic| topic.id == id)
    }

    /// All of them, ordered by name.
    pub(crate) fn all(&self) -> Vec<Arc<Topic>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// A topic whose name differs only in dots and underscores: Kafka's names of metrics have one for both, so it takes
    /// one of them.
    pub(crate) fn colliding(&self, name: &str) -> Option<Arc<Topic>> {
        let common = |name: &str| name.replace('.', "_");
        self.all().into_iter().find(|topic| topic.name != name && common(&topic.name) == common(name))
    }

    pub(crate) fn partition(&self, topic: &str, index: i32) -> Result<Arc<Partition>, ResponseError> {
        self.get(topic)?.partition(index).cloned()
    }

    pub(crate) fn defaults(&self) -> Settings {
        self.defaults
    }

    /// Makes a topic whose name, number of partitions and configurations are in order.
    pub(crate) fn create(
        &self,
        name: &str,
        partitions: usize,
        configs: BTreeMap<String, String>,
    ) -> Result<Arc<Topic>, ResponseError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.get(name).is_ok() {
            return Err(ResponseError::TopicAlreadyExists);
        }
        if self.colliding(name).is_some() {
            return Err(ResponseError::InvalidTopicException);
        }
        let description = Description { name: name.to_owned(), id: Uuid::new_v4(), partitions, configs };
        self.begin(description).map_err(|error| failed("create", name, &error))
    }

    fn begin(&self, description: Description) -> io::Result<Arc<Topic>> {
        let path = self.dir.join(description.id.to_string());
        let unfinished = path.with_extension(UNFINISHED);
        for index in 0..description.partitions {
            fs::create_dir_all(unfinished.join(index.to_string()))?;
        }
        file::replace(&unfinished.join(DESCRIPTION), &serde_json::to_vec_pretty(&description)?)?;
        fs::rename(&unfinished, &path)?;
        self.sync()?;
        let topic = load(&path, self.defaults, self.fsync)?;
        Ok(self.put(topic))
    }

    pub(crate) fn delete(&self, name: &str) -> Result<(), ResponseError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = self.get(name)?;
        let path = self.dir.join(topic.id.to_string());
        let deleted = path.with_extension(DELETED);
        let renamed = fs::rename(&path, &deleted).and_then(|()| self.sync());
        renamed.map_err(|error| failed("delete", name, &error))?;
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        for partition in &topic.partitions {
            partition.close();
        }
        // The topic is gone already; what cannot be removed now is removed at the next start.
        if let Err(error) = fs::remove_dir_all(&deleted) {
            tracing::warn!(topic = name, %error, "cannot remove the files of the deleted topic yet");
        }
        Ok(())
    }

    /// Adds partitions until there are `count`, which is more than there are.
    pub(crate) fn grow(&self, name: &str, count: usize) -> Result<Arc<Topic>, ResponseError> {
        self.change(name, |topic| (count, topic.configs.clone()))
    }

    /// Gives a topic other configurations, which are in order.
    pub(crate) fn configure(&self, name: &str, configs: BTreeMap<String, String>) -> Result<Arc<Topic>, ResponseError> {
        self.change(name, |topic| (topic.partitions.len(), configs))
    }

    fn change(
        &self,
        name: &str,
        to: impl FnOnce(&Topic) -> (usize, BTreeMap<String, String>),
    ) -> Result<Arc<Topic>, ResponseError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = self.get(name)?;
        let (count, configs) = to(&topic);
        let settings = self.defaults.overridden(&configs);
        let path = self.dir.join(topic.id.to_string());
        let change = || -> io::Result<Topic> {
            let mut partitions = topic.partitions.clone();
            for index in partitions.len()..count {
                partitions.push(Arc::new(Partition::open(&path.join(index.to_string()), self.fsync)?));
            }
            let changed =
                Topic { name: topic.name.clone(), id: topic.id, configs: configs.clone(), settings, partitions };
            let description = Description { name: topic.name.clone(), id: topic.id, partitions: count, configs };
            file::replace(&path.join(DESCRIPTION), &serde_json::to_vec_pretty(&description)?)?;
            Ok(changed)
        };
        let changed = change().map_err(|error| failed("change", name, &error))?;
        Ok(self.put(changed))
    }

    fn put(&self, topic: Topic) -> Arc<Topic> {
        let topic = Arc::new(topic);
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).insert(topic.name.clone(), Arc::clone(&topic));
        topic
    }

    fn sync(&self) -> io::Result<()> {
        if self.fsync { File::open(&self.dir)?.sync_all() } else { Ok(()) }
    }
}

/// The topics in `dir` by their names, with their folders and how many partitions they have. Nothing is opened.
pub(crate) fn stored(dir: &Path) -> io::Result<BTreeMap<String, (PathBuf, usize)>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        // One that is being made or deleted is none.
        if path.extension().is_none()
            && let Some(description) = file::read(&path.join(DESCRIPTION))?
        {
            let Description { name, partitions, .. } = serde_json::from_slice(&description)?;
            found.insert(name, (path, partitions));
        }
    }
    Ok(found)
}

fn load(path: &Path, defaults: Settings, fsync: bool) -> io::Result<Topic> {
    let description = fs::read(path.join(DESCRIPTION))?;
    let Description { name, id, partitions, configs } = serde_json::from_slice(&description)?;
    // Reading a log through takes the CPU as much as the disk.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut opened = Vec::with_capacity(partitions);
    let indexes = (0..partitions).collect::<Vec<_>>();
    for some in indexes.chunks(threads) {
        let results = std::thread::scope(|scope| {
            let open = |index: &usize| {
                let dir = path.join(index.to_string());
                scope.spawn(move || Partition::open(&dir, fsync))
            };
            some.iter().map(open).collect::<Vec<_>>().into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
        });
        for result in results {
            let partition = result.map_err(|_| io::Error::other("a partition's log cannot be read"))??;
            opened.push(Arc::new(partition));
        }
    }
    let settings = defaults.overridden(&configs);
    Ok(Topic { name, id, configs, settings, partitions: opened })
}

fn failed(what: &str, topic: &str, error: &io::Error) -> ResponseError {
    tracing::error!(topic, %error, "cannot {what} the topic");
    ResponseError::KafkaStorageError
}

/// Kafka's rule for names: letters, digits, dot, underscore and hyphen, up to 249 of them.
pub(crate) fn is_valid_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !matches!(name, "" | "." | "..") && name.len() <= 249 && name.bytes().all(legal)
}

/// Names that stand more than once.
pub(crate) fn repeated<'a>(names: impl Iterator<Item = &'a str>) -> HashSet<&'a str> {
    let mut seen = HashSet::new();
    names.filter(|name| !seen.insert(*name)).collect()
}
