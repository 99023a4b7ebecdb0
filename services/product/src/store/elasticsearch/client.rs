//! HTTP to Elasticsearch: plain reqwest, which the workspace has anyway. The official crate is an alpha that would bring a
//! second reqwest (0.12) and a second TLS; of its many calls this store needs a dozen, and each is a path and some JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Error;
use super::asked::asked;
use super::error::Cause;

/// Well below the time that the service's own clients have.
const CONNECT: Duration = Duration::from_secs(2);
/// For everything that changes or reads a few documents.
const TIMEOUT: Duration = Duration::from_secs(8);
/// For many documents at once: a node that has just started takes seconds for thousands of them.
const BULK: Duration = Duration::from_secs(30);
/// For what copies a whole index.
pub(super) const LONG: Duration = Duration::from_secs(600);
/// How long a connection that nobody uses stays open: less than anything in between would keep it.
const IDLE: Duration = Duration::from_secs(30);

/// What is worth reading of the answer to many writes.
const OUTCOME: &str = "items.*.status,items.*.error.type,items.*.error.reason,items.*._seq_no,items.*._primary_term";

#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
}

/// What is sent along.
pub(super) enum Body {
    None,
    Json(Value),
    /// JSON values, a line each.
    Lines(Vec<u8>),
}

impl Client {
    /// `base` may hold a name and a password; it is not shown anywhere.
    pub(super) fn new(base: Url) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .build()?;
        Ok(Self { http, base })
    }

    /// The answer to a call of `path`, which begins with a slash.
    pub(super) async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Body) -> Result<T, Error> {
        self.call_within(TIMEOUT, method, path, body).await
    }

    pub(super) async fn call_within<T: DeserializeOwned>(
        &self,
        timeout: Duration,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<T, Error> {
        let (status, bytes) = self.send(timeout, method, path, body).await?;
        if status.is_success() { Ok(serde_json::from_slice(&bytes)?) } else { Err(Error::refused(status, &bytes)) }
    }

    /// What a search in `index` finds.
    pub(super) async fn hits<H: DeserializeOwned>(&self, index: &str, search: Value) -> Result<Vec<H>, Error> {
        #[derive(Deserialize)]
        struct Answer<H> {
            hits: Hits<H>,
        }
        #[derive(Deserialize)]
        struct Hits<H> {
            hits: Vec<H>,
        }
        let answer: Answer<H> = self.call(Method::POST, &format!("/{index}/_search"), Body::Json(search)).await?;
        Ok(answer.hits.hits)
    }

    /// A document; `None` if there is none of that id.
    pub(super) async fn document<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Error> {
        #[derive(Deserialize)]
        struct Nothing {
            found: bool,
        }
        let (status, bytes) = self.send(TIMEOUT, Method::GET, path, Body::None).await?;
        match status {
            StatusCode::OK => Ok(Some(serde_json::from_slice(&bytes)?)),
            // An index that is missing is another matter.
            StatusCode::NOT_FOUND if serde_json::from_slice::<Nothing>(&bytes).is_ok_and(|nothing| !nothing.found) => {
                Ok(None)
            }
            status => Err(Error::refused(status, &bytes)),
        }
    }

    /// Many writes in one request, which Elasticsearch does one after the other. What became of each, in their order.
    pub(super) async fn bulk(&self, alias: &str, lines: Vec<u8>) -> Result<Vec<Result<Written, Error>>, Error> {
        #[derive(Deserialize)]
        struct Answer {
            items: Vec<BTreeMap<String, Item>>,
        }
        let path = format!("/{alias}/_bulk?require_alias=true&filter_path={OUTCOME}");
        let answer: Answer = self.call_within(BULK, Method::POST, &path, Body::Lines(lines)).await?;
        Ok(answer.items.into_iter().flat_map(BTreeMap::into_values).map(Item::written).collect())
    }

    async fn send(
        &self,
        timeout: Duration,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<(StatusCode, bytes::Bytes), Error> {
        let mut url = self.base.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        asked(method.clone(), &url, self.ask(timeout, method, url.clone(), body)).await
    }

    async fn ask(
        &self,
        timeout: Duration,
        method: Method,
        url: Url,
        body: Body,
    ) -> Result<(StatusCode, bytes::Bytes), Error> {
        let request = self.http.request(method, url).timeout(timeout);
        let request = match body {
            Body::None => request,
            Body::Json(json) => request.json(&json),
            Body::Lines(lines) => request.header(CONTENT_TYPE, "application/x-ndjson").body(lines),
        };
        let response = request.send().await?;
        let status = response.status();
        Ok((status, response.bytes().await?))
    }
}

/// Where a write left its document.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Written {
    #[serde(rename = "_seq_no")]
    pub(super) seq_no: u64,
    #[serde(rename = "_primary_term")]
    pub(super) term: u64,
}

#[derive(Deserialize)]
struct Item {
    status: u16,
    error: Option<Cause>,
    #[serde(rename = "_seq_no")]
    seq_no: Option<u64>,
    #[serde(rename = "_primary_term")]
    term: Option<u64>,
}

impl Item {
    fn written(self) -> Result<Written, Error> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match (self.error, self.seq_no, self.term) {
            (Some(error), _, _) => Err(error.into_error(status)),
            (None, Some(seq_no), Some(term)) => Ok(Written { seq_no, term }),
            (None, _, _) => Err(Error::Malformed("a write without a place".to_owned())),
        }
    }
}
