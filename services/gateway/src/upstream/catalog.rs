//! Product's REST interface.

use std::collections::HashMap;
use std::time::Duration;

use async_graphql::dataloader::Loader;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use kit::http::outgoing;
use kit::telemetry;
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::{Deserialize, Serialize};

use super::{DEADLINE, refusal};
use crate::error::Error;
use crate::session::Session;

pub(super) const SERVICE: &str = "product";

/// In bytes. No search that product takes needs as much, and far longer ones would break the connection.
const LONGEST_URL: usize = 8 * 1024;
/// In bytes. No product's id is anywhere near as long.
const LONGEST_ID: usize = 256;

/// A product as the catalog has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) price: f64,
    pub(crate) account_id: i64,
    #[serde(default)]
    pub(crate) sku: Option<String>,
}

/// A product as the catalog takes it. Without an account it is the caller's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) price: f64,
    pub(crate) account_id: Option<i64>,
    pub(crate) sku: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    pub(crate) next_cursor: Option<String>,
}

/// Which products, in which order.
#[derive(Clone, Debug)]
pub(crate) enum Listing {
    /// All, in the order of their creation.
    All,
    Search {
        text: String,
        /// One of product's words.
        sort: &'static str,
    },
}

#[derive(Clone)]
pub(crate) struct Catalog {
    client: Client,
    base: Url,
}

impl Catalog {
    pub(crate) fn new(base: Url) -> reqwest::Result<Self> {
        // Neither a proxy from the environment nor a redirect may take a caller's token somewhere else.
        let client = Client::builder()
            .timeout(DEADLINE)
            .pool_idle_timeout(kit::http::CLIENT_IDLE)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, base })
    }

    /// At most `limit` products (100 or fewer), from where `cursor` points.
    pub(crate) async fn page(&self, listing: &Listing, cursor: Option<&str>, limit: usize) -> Result<Page, Error> {
        let (path, search) = match listing {
            Listing::All => (["products", ""], None),
            Listing::Search { text, sort } => (["products", "search"], Some((text, sort))),
        };
        let url = self.url(&path)?;
        let limit = limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        if let Some((text, sort)) = search {
            query.extend([("q", text.as_str()), ("sort", sort)]);
        }
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let url = Url::parse_with_params(url.as_str(), query).map_err(|error| Error::unexpected(SERVICE, error))?;
        if url.as_str().len() > LONGEST_URL {
            return Err(Error::invalid("search or after is too long"));
        }
        read("GET", if search.is_some() { "/products/search" } else { "/products/" }, self.client.get(url)).await
    }

    /// Those of `ids` that there are. Also for a single one: whatever its shape, it can't be taken for another path.
    async fn batch(&self, ids: &[String]) -> Result<Vec<Item>, Error> {
        #[derive(Deserialize)]
        struct Found {
            items: Vec<Item>,
        }
        let body = serde_json::json!({ "ids": ids });
        let found: Found =
            read("POST", "/products/batch", self.client.post(self.url(&["products", "batch"])?).json(&body)).await?;
        Ok(found.items)
    }

    pub(crate) async fn create(&self, session: &Session, draft: &Draft) -> Result<Item, Error> {
        read("POST", "/products/", personal(self.client.post(self.url(&["products", ""])?), session).json(draft)).await
    }

    pub(crate) async fn update(&self, session: &Session, id: &str, draft: &Draft) -> Result<Item, Error> {
        read("PUT", "/products/{id}", personal(self.client.put(self.product(id)?), session).json(draft)).await
    }

    pub(crate) async fn delete(&self, session: &Session, id: &str) -> Result<(), Error> {
        send("DELETE", "/products/{id}", personal(self.client.delete(self.product(id)?), session)).await.map(drop)
    }

    pub(crate) async fn is_well(&self, patience: Duration) -> bool {
        let Ok(url) = self.url(&["health"]) else { return false };
        let answer = self.client.get(url).timeout(patience).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    fn url(&self, path: &[&str]) -> Result<Url, Error> {
        let mut url = self.base.clone();
        url.path_segments_mut().map_err(|()| Error::unexpected(SERVICE, "its URL has no path"))?.clear().extend(path);
        Ok(url)
    }

    fn product(&self, id: &str) -> Result<Url, Error> {
        // These would be another path than that of a product, or none at all, and are ids of none.
        if matches!(id, "" | "." | ".." | "batch" | "bulk" | "search") || id.len() > LONGEST_ID {
            return Err(Error::not_found("product"));
        }
        self.url(&["products", id])
    }
}

/// For the products of many orders, or of many aliases, in one call.
impl Loader<String> for Catalog {
    type Value = Item;
    type Error = Error;

    async fn load(&self, ids: &[String]) -> Result<HashMap<String, Item>, Error> {
        Ok(self.batch(ids).await?.into_iter().map(|item| (item.id.clone(), item)).collect())
    }
}

fn personal(request: RequestBuilder, session: &Session) -> RequestBuilder {
    match session.authorization() {
        Some(authorization) => request.header(AUTHORIZATION, authorization),
        None => request,
    }
}

async fn read<T: for<'de> Deserialize<'de>>(
    method: &'static str,
    path: &'static str,
    request: RequestBuilder,
) -> Result<T, Error> {
    send(method, path, request).await?.json().await.map_err(|error| broken(&error))
}

/// Sends what is a `method` on a path of the shape `path`.
async fn send(method: &'static str, path: &'static str, request: RequestBuilder) -> Result<Response, Error> {
    let (client, request) = request.build_split();
    let mut request = request.map_err(|error| Error::unexpected(SERVICE, error))?;
    let mut call = outgoing::begin(method, path, request.url().as_str());
    if let Some(Ok(traceparent)) = call.traceparent().or_else(telemetry::traceparent).map(HeaderValue::try_from) {
        request.headers_mut().insert(telemetry::TRACEPARENT, traceparent);
    }
    let response = client.execute(request).await;
    match &response {
        Ok(response) => outgoing::answered(&mut call, response.status().as_u16()),
        Err(error) => call.failed("transport", telemetry::chain(error)),
    }
    let response = response.map_err(|error| broken(&error))?;
    match response.status() {
        status if status.is_success() => Ok(response),
        status => Err(refusal::read(status, response.bytes().await.unwrap_or_default().as_ref())),
    }
}

fn broken(error: &reqwest::Error) -> Error {
    if error.is_timeout() {
        Error::timed_out(SERVICE)
    } else if error.is_decode() {
        Error::unexpected(SERVICE, error)
    } else {
        tracing::warn!(service = SERVICE, "unreachable: {error}");
        Error::unavailable(SERVICE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_leads_to_another_path() {
        let catalog = Catalog::new("http://127.0.0.1:8002".parse().expect("a URL")).expect("a client");
        for id in ["", ".", "..", "search", "batch", "bulk", &"x".repeat(100_000)] {
            assert_eq!(catalog.product(id).expect_err("no product").code(), "NOT_FOUND", "{id}");
        }
        for (id, path) in [("a/../b", "/products/a%2F..%2Fb"), ("a?b#c", "/products/a%3Fb%23c"), ("x", "/products/x")] {
            assert_eq!(catalog.product(id).expect("a path of its own").path(), path);
        }
    }
}
