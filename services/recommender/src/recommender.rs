//! The model, kept as new as the database.

use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::TryStreamExt;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::domain::Product;
use crate::error::Error;
use crate::model::Model;
use crate::store::Store;

/// How long to wait before a model that could not be loaded is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Answers from memory what the database holds at the moment of the question, whichever replica wrote it. Clones share
/// the model.
#[derive(Clone)]
pub(crate) struct Recommender {
    store: Store,
    model: Arc<RwLock<Model>>,
    /// Held while changes are fetched, so that a crowd of callers fetches them once.
    refreshing: Arc<Mutex<()>>,
}

impl Recommender {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, model: Arc::default(), refreshing: Arc::default() }
    }

    /// What `question` answers about the model, which is as new as the database.
    pub(crate) async fn ask(
        &self,
        question: impl FnOnce(&Model) -> Vec<Product> + Send + 'static,
    ) -> Result<Vec<Product>, Error> {
        self.refresh().await?;
        let model = self.model.clone();
        // Long histories take milliseconds of pure computation.
        Ok(spawn_blocking(move || question(&model.read().unwrap_or_else(PoisonError::into_inner))).await?)
    }

    /// Loads the model before anybody asks. Tries until the database is there.
    pub(crate) async fn load(&self) {
        while let Err(error) = self.refresh().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the model can't be loaded yet");
            sleep(RETRY).await;
        }
    }

    /// Whether the database is there. The model may still be loading: with a history of years that takes a second or two,
    /// for which a question waits rather than everybody who needs this service.
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        self.store.revision().await.map(drop)
    }

    /// Brings the model up to the newest revision: one short query if nothing has changed.
    async fn refresh(&self) -> Result<(), Error> {
        let newest = Some(self.store.revision().await?);
        if self.revision() >= newest {
            return Ok(());
        }
        let refreshing = Arc::new(self.refreshing.clone().lock_owned().await);
        let known = self.revision();
        if known >= newest {
            return Ok(());
        }
        let mut changes = pin!(self.store.changes(known).await?);
        while let Some(part) = changes.try_next().await? {
            let (model, refreshing) = (self.model.clone(), refreshing.clone());
            let applied = spawn_blocking(move || {
                // A caller may give up meanwhile; whoever comes next waits for this part and reads what is newer.
                let _refreshing = refreshing;
                model.write().unwrap_or_else(PoisonError::into_inner).apply(part);
            });
            applied.await?;
        }
        Ok(())
    }

    fn revision(&self) -> Option<i64> {
        self.model.read().unwrap_or_else(PoisonError::into_inner).revision()
    }
}
