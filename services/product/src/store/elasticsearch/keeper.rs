//! The task that sees to the index: prepared when Elasticsearch answers for the first time, or has lost it, and looked after
//! ever since.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::client::Client;
use super::control::{ABANDONED, Handle};
use super::waiting::Waiting;
use super::{Error, preparation, recovery};

/// Between attempts to prepare an index.
const RETRY: Duration = Duration::from_millis(500);
/// Between looks at what others left behind.
const PERIOD: Duration = Duration::from_secs(5);

/// Whether the index can be used.
pub(super) struct State {
    prepared: RwLock<Result<(), Error>>,
    lost: Notify,
}

impl State {
    pub(super) fn new() -> Self {
        let prepared = RwLock::new(Err(Error::Unprepared("nobody has looked yet".to_owned())));
        Self { prepared, lost: Notify::new() }
    }

    pub(super) fn ready(&self) -> Result<(), Error> {
        self.prepared.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at an error that somebody met: if the index is gone, it is prepared again.
    pub(super) fn met(&self, error: &Error) {
        if error.is_index_missing() {
            self.set(Err(Error::Unprepared(error.to_string())));
            self.lost.notify_one();
        }
    }

    fn set(&self, prepared: Result<(), Error>) {
        *self.prepared.write().unwrap_or_else(PoisonError::into_inner) = prepared;
    }
}

pub(super) struct Keeper {
    pub(super) client: Client,
    pub(super) alias: String,
    pub(super) state: Arc<State>,
    pub(super) waiting: Arc<Waiting>,
}

impl Keeper {
    /// Tries once to have everything ready.
    pub(super) async fn prepare(&self) -> Result<(), Error> {
        let prepared = preparation::prepare(&self.client, &self.alias).await;
        let state = prepared.clone().map_err(|error| match error {
            Error::Foreign { .. } => error,
            error => Error::Unprepared(error.to_string()),
        });
        self.state.set(state);
        prepared
    }

    /// The same, and then ends what a process before left behind, so that whoever asks first finds it.
    pub(super) async fn begin(&self) -> Result<(), Error> {
        self.prepare().await?;
        self.look_after(&mut Handle::new(self.client.clone(), self.alias.clone()), 0).await
    }

    async fn look_after(&self, control: &mut Handle, settled_after: i64) -> Result<(), Error> {
        let settled = recovery::recover(&self.client, &self.alias, control, settled_after).await;
        self.waiting.note(settled.inspect_err(|error| self.state.met(error))?);
        Ok(())
    }

    pub(super) async fn run(self) {
        let mut control = Handle::new(self.client.clone(), self.alias.clone());
        let mut failures: u32 = 0;
        loop {
            if self.state.ready().is_err() {
                match self.begin().await {
                    Ok(()) => tracing::info!(failures, "the catalog's index is ready"),
                    Err(error) => {
                        if failures.is_multiple_of(20) {
                            tracing::warn!(failures, "the catalog's index can't be prepared: {error}");
                        }
                        failures = failures.saturating_add(1);
                        sleep(RETRY).await;
                        continue;
                    }
                }
            }
            failures = 0;
            if let Err(error) = self.look_after(&mut control, ABANDONED).await {
                tracing::warn!("can't look after the catalog's index: {error}");
            }
            // The end of the pause and the word that it was lost mean the same: look.
            let _ = timeout(PERIOD, self.state.lost.notified()).await;
        }
    }
}
