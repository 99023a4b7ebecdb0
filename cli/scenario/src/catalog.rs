//! The shop's catalog, looked up by what is in the fixtures.

use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::{gateway::chain, report::Failure};

/// Results of a search; the stock code itself counts most in it.
const RESULTS: usize = 100;

/// The search has a product within a second, and the catalog may have been seeded just now.
const FINDABLE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);

/// A product as the search gives it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Product {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) sku: Option<String>,
    pub(crate) price_cents: i64,
}

#[derive(Deserialize)]
struct Found {
    items: Vec<Product>,
}

/// The product with this stock code; `shop` is the address of product.
pub(crate) async fn find(client: &reqwest::Client, shop: &str, code: &str) -> Result<Product, Failure> {
    let expected = format!("a product with stock code {code} (after `shopctl seed`)");
    let began = Instant::now();
    loop {
        let found = search(client, shop, code).await.map_err(|error| Failure::new(&expected, chain(&error)))?;
        if let Some(product) = found.items.into_iter().find(|product| product.sku.as_deref() == Some(code)) {
            return Ok(product);
        }
        if began.elapsed() > FINDABLE {
            return Err(Failure::new(&expected, "the search finds none"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn search(client: &reqwest::Client, shop: &str, code: &str) -> reqwest::Result<Found> {
    let request = client.get(format!("{shop}/products/search"));
    let response = request.query(&[("q", code), ("limit", &RESULTS.to_string())]).send().await?;
    response.error_for_status()?.json().await
}
