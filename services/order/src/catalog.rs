//! The product service, as far as an order needs it: what its products cost now.

use std::collections::HashMap;
use std::time::Duration;

use kit::http::outgoing;
use kit::money::Cents;
use kit::{crash, telemetry};
use reqwest::{Client, Url, redirect};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::Basket;

/// From connecting to the last byte: short of the two seconds after which a caller hears UNAVAILABLE.
const DEADLINE: Duration = Duration::from_millis(1500);

/// Bytes. No product's id is anywhere near as long; longer ones are not asked for, and so are unknown.
const LONGEST_ID: usize = 256;

/// Why there are no prices.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("product service can't be reached")]
    Away(#[source] reqwest::Error),
    #[error("product {product_id:?} costs {price}, which is no exact amount of cents")]
    Price { product_id: String, price: f64 },
}

/// A client of the product service.
#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    http: Client,
    batch: Url,
}

#[derive(Serialize)]
struct Request<'a> {
    ids: Vec<&'a str>,
}

#[derive(Deserialize)]
struct Response {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    price: f64,
}

impl Catalog {
    /// A client for the product service at `base`, such as `http://127.0.0.1:8002`. Connects with the first call.
    pub(crate) fn new(base: &Url) -> anyhow::Result<Self> {
        let mut batch = base.clone();
        batch
            .path_segments_mut()
            .map_err(|()| anyhow::anyhow!("PRODUCT_URL {base} can't carry a path"))?
            .pop_if_empty()
            .extend(["products", "batch"]);
        // Between services nothing goes through a developer's HTTP proxy or follows a redirect.
        let http = Client::builder()
            .timeout(DEADLINE)
            .pool_idle_timeout(kit::http::CLIENT_IDLE)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self { http, batch })
    }

    /// The prices of the basket's products by product id; what the product service doesn't know is absent.
    /// One call, at most 1.5 s.
    pub(crate) async fn prices(&self, basket: &Basket) -> Result<HashMap<String, Cents>, Error> {
        let ids: Vec<&str> = basket.product_ids().filter(|id| id.len() <= LONGEST_ID).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut call = outgoing::begin("POST", "/products/batch", self.batch.as_str());
        let mut request = self.http.post(self.batch.clone()).json(&Request { ids });
        if let Some(traceparent) = call.traceparent().or_else(telemetry::traceparent) {
            request = request.header(telemetry::TRACEPARENT, traceparent);
        }
        crash::point("prices-before-call");
        let response = request.send().await;
        match &response {
            Ok(response) => outgoing::answered(&mut call, response.status().as_u16()),
            Err(error) => call.failed("transport", telemetry::chain(error)),
        }
        let response = response.and_then(reqwest::Response::error_for_status).map_err(Error::Away)?;
        let response: Response = response.json().await.map_err(Error::Away)?;
        crash::point("prices-after-call");
        response.items.into_iter().map(Item::priced).collect()
    }
}

impl Item {
    fn priced(self) -> Result<(String, Cents), Error> {
        match Cents::from_wire(self.price) {
            Some(price) => Ok((self.id, price)),
            None => Err(Error::Price { product_id: self.id, price: self.price }),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Answers a connection's first request; the second one meets the close.
    async fn serve_one(mut stream: TcpStream) -> std::io::Result<()> {
        let items = r#"{"items":[{"id":"mug","price":1.5}]}"#;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}", items.len());
        let (mut read, mut bytes) = (Vec::new(), [0; 1024]);
        while !read.ends_with(b"]}") {
            match stream.read(&mut bytes).await? {
                0 => return Ok(()),
                length => read.extend_from_slice(&bytes[..length]),
            }
        }
        stream.write_all(format!("{head}\r\n\r\n{items}").as_bytes()).await?;
        stream.read(&mut bytes).await.map(drop)
    }

    #[tokio::test]
    async fn a_call_never_meets_the_close_of_a_connection_that_was_idle() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve_one(stream));
            }
        });
        let catalog = Catalog::new(&format!("http://{address}").parse().expect("a URL")).expect("a client");
        let basket = Basket::new([("mug".to_owned(), 1)]).expect("a valid basket");
        catalog.prices(&basket).await.expect("answered");
        // The client counts from when it lays the connection aside, which is a moment after the answer.
        tokio::time::sleep(kit::http::CLIENT_IDLE.mul_f64(1.1)).await;
        catalog.prices(&basket).await.expect("answered on another connection");
    }
}
