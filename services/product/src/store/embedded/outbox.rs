//! Events on their way to the broker.

use std::sync::Arc;

use async_trait::async_trait;
use bus::Event;
use bus::outbox::Outbox;
use redb::{AccessGuard, ReadTransaction, ReadableTable, StorageError};

use super::file::{File, OUTBOX};
use super::writer::Writer;
use super::{Error, blocking};
use crate::store::record::Record;

/// The unpublished events of an open catalog. One process has the file, so its relay is the only one.
pub struct EmbeddedOutbox {
    file: Arc<File>,
    writer: Arc<Writer>,
}

impl EmbeddedOutbox {
    pub(super) fn new(file: Arc<File>, writer: Arc<Writer>) -> Self {
        Self { file, writer }
    }
}

#[async_trait]
impl Outbox for EmbeddedOutbox {
    type Mark = u64;

    async fn exclusive(&mut self) -> anyhow::Result<bool> {
        Ok(true)
    }

    async fn pending(&mut self, limit: usize) -> anyhow::Result<Vec<(u64, Event)>> {
        let file = self.file.clone();
        let pending = blocking(move || file.read(|transaction| first(transaction, limit)));
        Ok(pending.await??)
    }

    async fn published(&mut self, marks: Vec<u64>) -> anyhow::Result<()> {
        Ok(self.writer.write(move |transaction| transaction.published(&marks)).await?)
    }
}

fn first(transaction: &ReadTransaction, limit: usize) -> Result<Vec<(u64, Event)>, Error> {
    let outbox = transaction.open_table(OUTBOX)?;
    let event = |entry: Result<(AccessGuard<'_, u64>, AccessGuard<'_, &[u8]>), StorageError>| {
        let (mark, record) = entry?;
        let event = Record::decode(record.value()).map_err(|_| Error::Damaged("an event can't be read"))?;
        Ok((mark.value(), event))
    };
    outbox.iter()?.take(limit).map(event).collect()
}
