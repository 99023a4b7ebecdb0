//! The shop's catalog: products over REST, kept so that an answered write survives any crash, found by a search that
//! forgives typos, and every change told on `product_events`.
//!
//! It knows nothing of orders, payments or recommendations, and must never depend on another service or on anything in
//! `cli/`. Which store holds the catalog is hidden behind [`store::Catalog`].

mod api;
mod config;
pub mod domain;
mod events;
pub mod store;

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bus::outbox::Outbox;
use bus::{Relay, Wake};
use kit::auth::{Owner, Verifier};
use kit::config::Variable;
use kit::{Lookup, Readiness, Shutdown, http};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

pub use self::config::{CatalogUrl, Config};
use self::store::Catalog;
use self::store::elasticsearch::Elasticsearch;
use self::store::embedded::{Embedded, Error};

/// How long another process may have the catalog open.
const PATIENCE: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(250);

/// The service, built: its catalog is open and its address taken.
pub struct Service {
    catalog: Arc<dyn Catalog>,
    /// Notified after the catalog's writes.
    committed: Arc<Notify>,
    publish: Publish,
    wake: Wake,
    verifier: Verifier,
    listener: TcpListener,
    http: http::Settings,
}

impl Service {
    /// Where it listens.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl kit::Service for Service {
    const NAME: &'static str = "product";
    const ABOUT: &'static str = "The shop's catalog over REST";

    type Config = Config;

    fn variables() -> &'static [Variable] {
        config::VARIABLES
    }

    fn config(lookup: &Lookup) -> Result<Config, kit::config::Error> {
        Config::from_lookup(lookup)
    }

    async fn build(config: Config) -> anyhow::Result<Self> {
        let Config { address, catalog, kafka, auth, http } = config;
        let verifier = Verifier::load(&auth, Owner::Product)?;
        let listener = http::bind(address).await?;
        let (catalog, committed, (publish, wake)): (Arc<dyn Catalog>, _, _) = match catalog {
            CatalogUrl::Embedded(folder) => {
                let catalog = open(&folder).await;
                let catalog = catalog.with_context(|| format!("can't open the catalog in {}", folder.display()))?;
                let (committed, relay) = (catalog.committed(), relay(&kafka, catalog.outbox())?);
                (Arc::new(catalog), committed, relay)
            }
            CatalogUrl::Elasticsearch(settings) => {
                let catalog = Elasticsearch::open(&settings).await?;
                let (committed, relay) = (catalog.committed(), relay(&kafka, catalog.outbox())?);
                (Arc::new(catalog), committed, relay)
            }
        };
        Ok(Self { catalog, committed, publish, wake, verifier, listener, http })
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let Self { catalog, committed, publish, wake, verifier, listener, http } = self;
        let readiness = Readiness::new();
        let checked = catalog.clone();
        readiness.check("catalog", move || {
            let catalog = checked.clone();
            async move { catalog.check().await }
        });
        let wakes = tokio::spawn(async move {
            loop {
                committed.notified().await;
                wake.wake();
            }
        });
        let router = api::router(catalog.clone(), verifier);
        let relay = tokio::spawn(publish(shutdown.clone()));
        http::serve(listener, router, http, readiness, &shutdown).await?;
        relay.await.context("the relay panicked")?;
        wakes.abort();
        // Waits for the disk.
        spawn_blocking(move || drop(catalog)).await.context("the catalog did not close")
    }
}

/// Publishes what the catalog tells, whichever store it is in, until the shutdown.
type Publish = Box<dyn FnOnce(Shutdown) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

fn relay(kafka: &bus::Settings, outbox: impl Outbox) -> Result<(Publish, Wake), bus::Error> {
    let (relay, wake) = Relay::new(kafka, outbox)?;
    Ok((Box::new(|shutdown| Box::pin(relay.run(shutdown))), wake))
}

/// Opens the catalog; a predecessor that is about to end may hold it for a moment longer than its address.
async fn open(folder: &Path) -> anyhow::Result<Embedded> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let opened = folder.to_owned();
        match spawn_blocking(move || Embedded::open(&opened)).await? {
            Err(Error::InUse) if Instant::now() < deadline => {
                tracing::warn!("{}, trying again", Error::InUse);
                sleep(RETRY).await;
            }
            opened => return Ok(opened?),
        }
    }
}
