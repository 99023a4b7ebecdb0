//! The catalog in Elasticsearch: a document for each product, which also carries its unpublished events. Any number of
//! processes may use it at a time.
//!
//! A document is changed on the condition that it still is as it was read (`if_seq_no`); how products come into being is
//! [`creator`]'s business, how the index does is [`preparation`]'s, and what becomes of the events [`outbox`]'s. Single
//! documents are read as they stand, also before a refresh; lists refresh first; a search lags by the index's refresh.

mod asked;
mod client;
mod control;
mod creator;
mod document;
mod error;
mod keeper;
mod lexicon;
mod outbox;
mod preparation;
mod query;
mod recovery;
mod schema;
mod search;
mod settings;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use kit::crash;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

use self::client::{Body, Client, Written};
use self::control::Handle;
use self::creator::Creator;
use self::document::{Source, Unpublished, WITHOUT_LEXICON};
pub use self::error::Error;
use self::keeper::{Keeper, State};
use self::lexicon::Lexicon;
pub use self::outbox::ElasticsearchOutbox;
use self::search::Searcher;
pub use self::settings::Settings;
use self::waiting::Waiting;
use super::{Catalog, ChangeError, Unavailable};
use crate::domain::{Actor, Details, Draft, Page, Position, Product, Search, new_id};
use crate::events::{Change, event};

/// How long a start waits for an Elasticsearch that does not answer; then it is waited for in the background.
const FIRST: Duration = Duration::from_secs(5);
/// How long whoever creates something waits for its end: less than its own client does.
const ANSWER: Duration = Duration::from_secs(12);
/// Writers of one product in this process take turns; so many products are told apart.
const TURNS: usize = 64;
/// Attempts to change a document that others change too, each of which somebody's succeeds.
const TRIES: u32 = 50;
/// Creations of so long ago are not waited for: their process is no more. In ms.
const DEAD: i64 = 3000;
/// How long a list waits for creations that may come before others in it.
const PATIENCE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(5);

/// A catalog in Elasticsearch, whether that answers or not.
pub struct Elasticsearch {
    store: Arc<Store>,
    creator: Creator,
    creating: JoinHandle<()>,
    keeping: JoinHandle<()>,
}

struct Store {
    client: Client,
    alias: String,
    state: Arc<State>,
    waiting: Arc<Waiting>,
    lexicon: Lexicon,
    turns: Vec<Mutex<()>>,
    /// Whether the last write went through.
    writable: AtomicBool,
}

impl Elasticsearch {
    /// Prepares the index if Elasticsearch answers, and else as soon as it does.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        let (client, alias) = (Client::new(settings.base())?, settings.alias());
        let (state, waiting) = (Arc::new(State::new()), Arc::new(Waiting::default()));
        let keeper =
            Keeper { client: client.clone(), alias: alias.clone(), state: state.clone(), waiting: waiting.clone() };
        match timeout(FIRST, keeper.begin()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the catalog is not ready yet: {error}"),
            Err(_) => tracing::warn!("the catalog is not ready yet: Elasticsearch takes long to answer"),
        }
        let keeping = tokio::spawn(keeper.run());
        let (creator, creating) = Creator::start(client.clone(), alias.clone(), waiting.clone());
        let turns = (0..TURNS).map(|_| Mutex::default()).collect();
        let store = Store { client, alias, state, waiting, lexicon: Lexicon::default(), turns, writable: true.into() };
        Ok(Self { store: Arc::new(store), creator, creating, keeping })
    }

    /// Its unpublished events, for the relay.
    pub fn outbox(&self) -> ElasticsearchOutbox {
        let Store { client, alias, state, waiting, .. } = &*self.store;
        ElasticsearchOutbox::new(client.clone(), alias.clone(), state.clone(), waiting.clone())
    }

    /// Notified after writes.
    pub fn committed(&self) -> Arc<Notify> {
        self.store.waiting.noted()
    }

    /// Changes a product, in a task of its own: an asker who goes away must not leave half of it.
    async fn change(&self, id: &str, edit: Edit) -> Result<Option<Product>, ChangeError> {
        let (store, id) = (self.store.clone(), id.to_owned());
        let change = async move { store.change(&id, &edit).await };
        tokio::spawn(change.in_current_span()).await.map_err(|error| Unavailable(error.into()))?
    }
}

impl Drop for Elasticsearch {
    fn drop(&mut self) {
        self.keeping.abort();
        // What it has begun is as if the process had ended here.
        self.creating.abort();
    }
}

/// What is to be done with a product.
struct Edit {
    actor: Actor,
    /// `None`: it is deleted.
    details: Option<Details>,
}

/// A document as it was read.
#[derive(Deserialize)]
struct Found {
    #[serde(rename = "_index")]
    index: String,
    #[serde(rename = "_id")]
    id: String,
    #[serde(flatten)]
    place: Written,
    #[serde(rename = "_source")]
    source: Source,
}

impl Store {
    /// Passes an answer on, and looks at errors on the way.
    fn seen<T>(&self, answer: Result<T, Error>) -> Result<T, Unavailable> {
        answer.map_err(|error| {
            self.state.met(&error);
            error.into()
        })
    }

    /// The same for a write.
    fn written<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
        let writable = answer.as_ref().err().is_none_or(Error::is_conflict);
        self.writable.store(writable, Ordering::Relaxed);
        answer
    }

    async fn find(&self, id: &str) -> Result<Option<Found>, Error> {
        self.state.ready()?;
        if !is_id(id) {
            return Ok(None);
        }
        self.client.document(&format!("/{}/_doc/{id}?{WITHOUT_LEXICON}", self.alias)).await
    }

    async fn change(&self, id: &str, edit: &Edit) -> Result<Option<Product>, ChangeError> {
        let turn = id.bytes().fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let _turn = self.turns[turn % TURNS].lock().await;
        for _ in 0..TRIES {
            let found = self.seen(self.find(id).await)?.ok_or(ChangeError::NotFound)?;
            let before = found.source.product(id).ok_or(ChangeError::NotFound)?;
            if !edit.actor.may_change(before.account_id) {
                return Err(ChangeError::NotOwner);
            }
            if edit.details.as_ref() == Some(&before.details) {
                return Ok(Some(before));
            }
            let changed = self.seen(change(found, before, edit.details.clone()))?;
            crash::point("change-before-write");
            let written = self.written(self.replace(&changed).await);
            match written {
                Ok(()) => {
                    crash::point("change-after-write");
                    self.waiting.note([id.to_owned()]);
                    return Ok(changed.source.product(id));
                }
                Err(error) if error.is_conflict() || error.is_index_missing() => {}
                Err(error) => return self.seen(Err(error)).map_err(Into::into),
            }
        }
        self.seen(Err(Error::Contended)).map_err(Into::into)
    }

    /// Into the index that it was read from: its place there means nothing in one that may have followed.
    async fn replace(&self, Found { index, id, place: Written { seq_no, term }, source }: &Found) -> Result<(), Error> {
        let path = format!("/{index}/_doc/{id}?if_seq_no={seq_no}&if_primary_term={term}");
        let body = serde_json::to_value(source).map_err(|error| Error::Document(error.to_string()))?;
        self.client.call::<IgnoredAny>(Method::PUT, &path, Body::Json(body)).await.map(drop)
    }

    /// Those of `ids` that are there, in that order.
    async fn batch(&self, ids: Vec<String>) -> Result<Vec<Product>, Error> {
        self.state.ready()?;
        let ids: Vec<String> = ids.into_iter().filter(|id| is_id(id)).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        #[derive(Deserialize)]
        struct Documents {
            docs: Vec<Document>,
        }
        #[derive(Deserialize)]
        struct Document {
            #[serde(rename = "_id")]
            id: String,
            error: Option<error::Cause>,
            #[serde(rename = "_source")]
            source: Option<Source>,
        }
        let path = format!("/{}/_mget?_source_excludes=lexicon,unpublished", self.alias);
        let answer: Documents = self.client.call(Method::POST, &path, Body::Json(json!({"ids": ids}))).await?;
        let product = |Document { id, error, source }: Document| match error {
            Some(error) => Err(error.into_error(http::StatusCode::NOT_FOUND)),
            None => Ok(source.and_then(|source| source.product(&id))),
        };
        answer.docs.into_iter().filter_map(|document| product(document).transpose()).collect()
    }

    /// Places up to the last one that was given away when it was asked. Those below it that are still being filled are
    /// waited for: a page must not end behind a product that comes later.
    async fn list(&self, after: Option<u64>, limit: usize) -> Result<Page<u64>, Error> {
        self.state.ready()?;
        let mut control = Handle::new(self.client.clone(), self.alias.clone());
        let asked = control.read().await?;
        let last = asked.last;
        let waits = |open: &[control::Open]| {
            open.iter().any(|open| open.age() < DEAD && asked.open.iter().any(|asked| asked.id == open.id))
        };
        let deadline = Instant::now() + PATIENCE;
        let mut open = asked.open.clone();
        while waits(&open) && Instant::now() < deadline {
            sleep(LOOK).await;
            open = control.read().await?.open;
        }
        self.client.call::<IgnoredAny>(Method::POST, &format!("/{}/_refresh", self.alias), Body::None).await?;
        let search = json!({
            "query": {"bool": {"filter": [query::stands(), {"range": {"sequence": {"gt": after.unwrap_or(0), "lte": last}}}]}},
            "sort": "sequence",
            "size": limit + 1,
            "track_total_hits": false,
            "_source": {"excludes": ["lexicon", "unpublished"]},
        });
        #[derive(Deserialize)]
        struct Hit {
            #[serde(rename = "_id")]
            id: String,
            #[serde(rename = "_source")]
            source: Source,
        }
        let mut hits: Vec<Hit> = self.client.hits(&self.alias, search).await?;
        let more = hits.len() > limit;
        hits.truncate(limit);
        let next = hits.last().filter(|_| more).map(|hit| hit.source.sequence);
        Ok(Page { products: hits.iter().filter_map(|hit| hit.source.product(&hit.id)).collect(), next })
    }

    async fn check(&self) -> Result<(), Error> {
        self.state.ready()?;
        let read = Handle::new(self.client.clone(), self.alias.clone()).read().await;
        read.inspect_err(|error| self.state.met(error))?;
        if !self.writable.load(Ordering::Relaxed) {
            // Tells whether it still is so: changes nothing, and is refused like any other write.
            Handle::new(self.client.clone(), self.alias.clone()).change(|_| ((), true)).await?;
            self.writable.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// The document as it is to stand after the change.
fn change(found: Found, before: Product, details: Option<Details>) -> Result<Found, Error> {
    let version = before.version + 1;
    let (kind, told) = match &details {
        Some(details) => (Change::Updated, Product { version, details: details.clone(), ..before }),
        None => (Change::Deleted, Product { version, ..before }),
    };
    let event = event(kind, &told).map_err(|error| Error::Document(error.to_string()))?;
    let source = found.source.changed(version, details, Unpublished::new(&event)?);
    Ok(Found { source, ..found })
}

/// Whether a product could have this id; any other is simply unknown, and may not even be fit for a path.
fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[async_trait]
impl Catalog for Elasticsearch {
    async fn create(&self, drafts: Vec<Draft>) -> Result<Vec<Product>, Unavailable> {
        self.store.state.ready()?;
        let mut products = Vec::with_capacity(drafts.len());
        let mut documents = Vec::with_capacity(drafts.len());
        for Draft { account_id, details } in drafts {
            let product = Product { id: new_id(), account_id, version: 1, details };
            let event = event(Change::Created, &product).map_err(|error| Error::Document(error.to_string()))?;
            documents.push((product.id.clone(), Source::new(&product, Unpublished::new(&event)?)));
            products.push(product);
        }
        if documents.is_empty() {
            return Ok(products);
        }
        let mut asked = asked::creating(&self.store.alias, documents.len());
        let created = timeout(ANSWER, self.creator.create(documents)).await.unwrap_or(Err(Error::Late));
        if let Err(error) = &created {
            asked.failed("unavailable", error);
        }
        drop(asked);
        let created = self.store.written(created);
        self.store.seen(created)?;
        Ok(products)
    }

    async fn update(&self, id: &str, actor: Actor, details: Details) -> Result<Product, ChangeError> {
        let updated = self.change(id, Edit { actor, details: Some(details) }).await?;
        updated.ok_or(ChangeError::NotFound)
    }

    async fn delete(&self, id: &str, actor: Actor) -> Result<(), ChangeError> {
        self.change(id, Edit { actor, details: None }).await.map(drop)
    }

    async fn get(&self, id: &str) -> Result<Option<Product>, Unavailable> {
        let found = self.store.seen(self.store.find(id).await)?;
        Ok(found.and_then(|found| found.source.product(id)))
    }

    async fn batch(&self, ids: Vec<String>) -> Result<Vec<Product>, Unavailable> {
        self.store.seen(self.store.batch(ids).await)
    }

    async fn list(&self, after: Option<u64>, limit: usize) -> Result<Page<u64>, Unavailable> {
        self.store.seen(self.store.list(after, limit).await)
    }

    async fn search(&self, search: Search) -> Result<Page<Position>, Unavailable> {
        self.store.state.ready()?;
        let Store { client, alias, lexicon, .. } = &*self.store;
        self.store.seen(Searcher { client, alias, lexicon }.page(&search).await)
    }

    async fn check(&self) -> Result<(), Unavailable> {
        Ok(self.store.check().await?)
    }
}
