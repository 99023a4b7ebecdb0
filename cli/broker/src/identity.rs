//! What the broker remembers about itself: the format of its data, the cluster's id, and which producer ids are used.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Error;
use crate::file;

const NAME: &str = "broker.json";
const FORMAT: u32 = 1;
/// Producer ids are reserved on the disk by the block, so that giving one costs no write and none is given twice.
const BLOCK: i64 = 1000;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    format: u32,
    cluster_id: String,
    /// No producer id from here on has been given.
    next_producer_block: i64,
}

#[derive(Debug)]
pub(crate) struct Identity {
    path: PathBuf,
    pub(crate) cluster_id: String,
    producer_ids: Mutex<ProducerIds>,
}

#[derive(Debug)]
struct ProducerIds {
    next: i64,
    record: Record,
}

impl Identity {
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(NAME);
        let record = stored(dir)?.unwrap_or_else(|| Record {
            format: FORMAT,
            cluster_id: Uuid::new_v4().simple().to_string(),
            next_producer_block: BLOCK,
        });
        let producer_ids = ProducerIds { next: record.next_producer_block, record: record.clone() };
        let identity = Self { path, cluster_id: record.cluster_id.clone(), producer_ids: Mutex::new(producer_ids) };
        identity.save(&record).map_err(|error| Error::io("write", &identity.path, error))?;
        Ok(identity)
    }

    /// A producer id that has never been given before.
    pub(crate) fn producer_id(&self) -> io::Result<i64> {
        let mut ids = self.producer_ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.next >= ids.record.next_producer_block {
            let mut record = ids.record.clone();
            record.next_producer_block = ids.next + BLOCK;
            self.save(&record)?;
            ids.record = record;
        }
        let id = ids.next;
        ids.next += 1;
        Ok(id)
    }

    fn save(&self, record: &Record) -> io::Result<()> {
        fs::create_dir_all(self.path.parent().unwrap_or(Path::new(".")))?;
        file::replace(&self.path, &serde_json::to_vec_pretty(record)?).map(|_file| ())
    }
}

/// Whether a broker has ever had its data in `dir`.
pub(crate) fn is_there(dir: &Path) -> Result<bool, Error> {
    Ok(stored(dir)?.is_some())
}

fn stored(dir: &Path) -> Result<Option<Record>, Error> {
    let path = dir.join(NAME);
    let read = || -> io::Result<Option<Record>> {
        Ok(file::read(&path)?.map(|content| serde_json::from_slice(&content)).transpose()?)
    };
    match read().map_err(|error| Error::io("read", &path, error))? {
        Some(Record { format, .. }) if format != FORMAT => {
            Err(Error::Format { path: dir.to_owned(), found: format, known: FORMAT })
        }
        record => Ok(record),
    }
}
