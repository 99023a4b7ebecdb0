//! The catalog in one folder of this machine: a transactional file with the documents and their unpublished events, and a
//! search index beside it that can be made again from the file. One process at a time has it.

mod asked;
mod document;
mod error;
mod file;
mod index;
mod indexer;
mod outbox;
mod ranking;
mod transaction;
mod words;
mod writer;

use std::path::Path;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use redb::ReadTransaction;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use self::asked::{Part, asked};
use self::document::Document;
pub use self::error::Error;
use self::file::{DOCUMENTS, File, LISTING};
use self::indexer::{Current, Indexer, Signal};
pub use self::outbox::EmbeddedOutbox;
use self::writer::Writer;
use super::{Catalog, ChangeError, Unavailable};
use crate::domain::{Actor, Details, Draft, Page, Position, Product, Search};

const FILE: &str = "catalog.redb";
const INDEX: &str = "index";
/// What both hold, in traces.
const PRODUCTS: &str = "products";

/// The open catalog. Dropping it waits until all that was asked is on the disk.
pub struct Embedded {
    // Dropped in this order: what is written last is still indexed.
    writer: Arc<Writer>,
    indexer: Indexer,
    current: Current,
    file: Arc<File>,
    committed: Arc<Notify>,
}

impl Embedded {
    /// Opens the catalog in `folder`, or makes an empty one there, and brings its search index up to date. Blocks.
    ///
    /// # Errors
    /// Another process has it, its file is damaged or of a later format, or the disk refuses.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(folder)?;
        let file = Arc::new(File::open(folder.join(FILE))?);
        let signal = Arc::new(Signal::default());
        let (indexer, current) = Indexer::start(file.clone(), folder.join(INDEX), signal.clone())?;
        let committed = Arc::new(Notify::new());
        let notify = committed.clone();
        let writer = Writer::start(file.clone(), move || {
            signal.wake();
            notify.notify_one();
        })?;
        Ok(Self { writer: Arc::new(writer), indexer, current, file, committed })
    }

    /// Its unpublished events, for the relay.
    pub fn outbox(&self) -> EmbeddedOutbox {
        EmbeddedOutbox::new(self.file.clone(), self.writer.clone())
    }

    /// Notified after commits.
    pub fn committed(&self) -> Arc<Notify> {
        self.committed.clone()
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let file = self.file.clone();
        Ok(blocking(move || file.read(work)).await??)
    }
}

/// Whatever may wait for the disk goes to a thread that may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unavailable> {
    spawn_blocking(work).await.map_err(|error| Unavailable(error.into()))
}

#[async_trait]
impl Catalog for Embedded {
    async fn create(&self, drafts: Vec<Draft>) -> Result<Vec<Product>, Unavailable> {
        let size = Some(drafts.len());
        let created =
            self.writer.write(|transaction| drafts.into_iter().map(|draft| transaction.create(draft)).collect());
        Ok(asked(Part::File, ("insert", PRODUCTS), size, created).await?)
    }

    async fn update(&self, id: &str, actor: Actor, details: Details) -> Result<Product, ChangeError> {
        let id = id.to_owned();
        let updated = self.writer.write(move |transaction| transaction.update(&id, actor, details));
        let updated = asked(Part::File, ("update", PRODUCTS), None, updated).await;
        Ok(updated.map_err(Unavailable::from)??)
    }

    async fn delete(&self, id: &str, actor: Actor) -> Result<(), ChangeError> {
        let id = id.to_owned();
        let deleted = self.writer.write(move |transaction| transaction.delete(&id, actor));
        let deleted = asked(Part::File, ("delete", PRODUCTS), None, deleted).await;
        Ok(deleted.map_err(Unavailable::from)??)
    }

    async fn get(&self, id: &str) -> Result<Option<Product>, Unavailable> {
        let id = id.to_owned();
        let found = self.read(move |transaction| Document::find_product(&transaction.open_table(DOCUMENTS)?, &id));
        asked(Part::File, ("get", PRODUCTS), None, found).await
    }

    async fn batch(&self, ids: Vec<String>) -> Result<Vec<Product>, Unavailable> {
        let size = Some(ids.len());
        let found = self.read(move |transaction| {
            let documents = transaction.open_table(DOCUMENTS)?;
            ids.iter().filter_map(|id| Document::find_product(&documents, id).transpose()).collect()
        });
        asked(Part::File, ("get", PRODUCTS), size, found).await
    }

    async fn list(&self, after: Option<u64>, limit: usize) -> Result<Page<u64>, Unavailable> {
        let listed = self.read(move |transaction| {
            let documents = transaction.open_table(DOCUMENTS)?;
            let listing = transaction.open_table(LISTING)?;
            let mut products = Vec::new();
            let mut last = None;
            for place in listing.range(after.map_or(0, |after| after.saturating_add(1))..)? {
                if products.len() == limit {
                    return Ok(Page { products, next: last });
                }
                let (sequence, id) = place?;
                last = Some(sequence.value());
                products.extend(Document::find_product(&documents, id.value())?);
            }
            Ok(Page { products, next: None })
        });
        asked(Part::File, ("list", PRODUCTS), None, listed).await
    }

    async fn search(&self, search: Search) -> Result<Page<Position>, Unavailable> {
        let index = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let ranked = async move {
            let ranked = blocking(move || ranking::page(&search, &index)).await?;
            Ok::<_, Unavailable>(ranked.map_err(Error::from)?)
        };
        let (positions, more) = asked(Part::Index, ("search", PRODUCTS), None, ranked).await?;
        let (next, size) = (if more { positions.last().cloned() } else { None }, Some(positions.len()));
        let products = self.read(move |transaction| {
            let documents = transaction.open_table(DOCUMENTS)?;
            let listing = transaction.open_table(LISTING)?;
            let mut products = Vec::with_capacity(positions.len());
            for position in positions {
                // What was deleted since it was indexed is passed over.
                let Some(id) = listing.get(position.sequence)? else { continue };
                products.extend(Document::find_product(&documents, id.value())?);
            }
            Ok(products)
        });
        Ok(Page { products: asked(Part::File, ("get", PRODUCTS), size, products).await?, next })
    }

    async fn check(&self) -> Result<(), Unavailable> {
        self.writer.check()?;
        self.indexer.check()?;
        self.read(|transaction| {
            transaction.open_table(DOCUMENTS)?;
            Ok(())
        })
        .await?;
        if !self.file.is_writable() {
            // Tells whether it still is so, and mends it if not.
            self.writer.write(|_| Ok(())).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod damage;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
