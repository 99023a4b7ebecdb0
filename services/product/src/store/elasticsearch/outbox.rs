//! Events on their way to the broker. They stand in the documents that they tell of, in order, so that a write and its event
//! are one; and are taken out when the broker has them. Several processes may do so at a time, each its own writes first.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bus::Event;
use bus::outbox::Outbox;
use http::Method;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::Error;
use super::client::{Body, Client};
use super::document::{Unpublished, now};
use super::keeper::State;
use super::waiting::Waiting;

/// Between looks at what other processes left behind.
const PERIOD: Duration = Duration::from_secs(1);
/// What waits for so long is nobody's any more, in ms: whoever wrote it tells it at once.
const FORGOTTEN: i64 = 2000;
/// Products of one look.
const LEFT_BEHIND: usize = 1000;

/// Takes events out of a document, and the document with the last event of a deletion. As a script it is one step, whoever
/// else changes the document.
const TAKE: &str = "ctx._source.unpublished.removeIf(event -> params.told.contains(event.id));
if (!ctx._source.unpublished.isEmpty()) { return; }
if (ctx._source.stands) { ctx._source.remove('waiting'); } else { ctx.op = 'delete'; }";
/// Others may change the same document meanwhile so often.
const TRIES: u32 = 20;

/// The unpublished events of a catalog.
pub struct ElasticsearchOutbox {
    client: Client,
    alias: String,
    state: Arc<State>,
    waiting: Arc<Waiting>,
    /// `None` before the first look: then what waits is a dead process's, however short.
    looked: Option<Instant>,
}

/// An event, and the product that has it.
pub struct Mark {
    product: String,
    event: String,
}

#[derive(Deserialize)]
struct Documents {
    docs: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "_id")]
    id: String,
    error: Option<super::error::Cause>,
    #[serde(rename = "_source")]
    source: Option<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    unpublished: Vec<Unpublished>,
}

#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "_id")]
    id: String,
}

impl ElasticsearchOutbox {
    pub(super) fn new(client: Client, alias: String, state: Arc<State>, waiting: Arc<Waiting>) -> Self {
        Self { client, alias, state, waiting, looked: None }
    }

    /// Notes the products whose events nobody seems to tell.
    async fn look_around(&mut self) -> Result<(), Error> {
        if self.looked.is_some_and(|looked| looked.elapsed() < PERIOD) {
            return Ok(());
        }
        let before = if self.looked.is_some() { now() - FORGOTTEN } else { now() };
        let search = json!({
            "query": {"range": {"waiting": {"lte": before}}},
            "sort": "waiting",
            "size": LEFT_BEHIND,
            "_source": false,
        });
        let hits: Vec<Hit> = self.client.hits(&self.alias, search).await?;
        // Noted without waking the relay, which is here already.
        self.waiting.add(hits.into_iter().map(|hit| hit.id));
        self.looked = Some(Instant::now());
        Ok(())
    }

    async fn first(&mut self, limit: usize) -> Result<Vec<(Mark, Event)>, Error> {
        self.state.ready()?;
        self.look_around().await?;
        let mut events = Vec::new();
        let mut seen = HashSet::new();
        let mut from = 0;
        while events.len() < limit {
            let (ids, next) = self.waiting.look(from, limit, &mut seen);
            if ids.is_empty() {
                break;
            }
            let mut told: HashSet<String> = HashSet::new();
            for (id, unpublished) in self.read(&ids).await? {
                if unpublished.is_empty() {
                    told.insert(id);
                    continue;
                }
                for unpublished in unpublished {
                    let mark = Mark { product: id.clone(), event: unpublished.id.clone() };
                    events.push((mark, unpublished.event()?));
                }
            }
            from = next - self.waiting.forget(&told, next);
        }
        events.truncate(limit);
        Ok(events)
    }

    /// As the documents stand now.
    async fn read(&self, ids: &[String]) -> Result<Vec<(String, Vec<Unpublished>)>, Error> {
        let path = format!("/{}/_mget?_source_includes=unpublished", self.alias);
        let answer: Documents = self.client.call(Method::POST, &path, Body::Json(json!({"ids": ids}))).await?;
        let unpublished = |Found { id, error, source }| match error {
            Some(error) => Err(error.into_error(http::StatusCode::NOT_FOUND)),
            None => Ok((id, source.map(|part: Part| part.unpublished).unwrap_or_default())),
        };
        answer.docs.into_iter().map(unpublished).collect()
    }

    async fn take(&self, marks: Vec<Mark>) -> Result<(), Error> {
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for Mark { product, event } in marks {
            told.entry(product).or_default().push(event);
        }
        let mut lines = Vec::new();
        for (product, told) in told {
            let update = json!({"update": {"_id": product, "retry_on_conflict": TRIES}});
            let script = json!({"script": {"lang": "painless", "source": TAKE, "params": {"told": told}}});
            lines.extend_from_slice(format!("{update}\n{script}\n").as_bytes());
        }
        let results = self.client.bulk(&self.alias, lines).await?;
        // A document that is gone is a deletion that somebody else has told.
        let failed =
            results.into_iter().filter_map(Result::err).find(|error| !error.is_missing() || error.is_index_missing());
        failed.map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Outbox for ElasticsearchOutbox {
    type Mark = Mark;

    /// Relays of several replicas may overlap: each event keeps its id, so that a second one is a redelivery.
    async fn exclusive(&mut self) -> anyhow::Result<bool> {
        Ok(self.state.ready().is_ok())
    }

    async fn pending(&mut self, limit: usize) -> anyhow::Result<Vec<(Mark, Event)>> {
        let pending = self.first(limit).await;
        Ok(pending.inspect_err(|error| self.state.met(error))?)
    }

    async fn published(&mut self, marks: Vec<Mark>) -> anyhow::Result<()> {
        Ok(self.take(marks).await?)
    }
}
