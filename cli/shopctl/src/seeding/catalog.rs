//! The real catalog, through product's own interface.

use std::{collections::HashMap, path::Path};

use anyhow::{Context as _, bail};
use reqwest::{Client, Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::Seller;
use crate::progress::Meter;

/// File of the real products, in `fixtures/`.
const PRODUCTS: &str = "online-retail-products.csv";
/// Most that a page of the list holds.
const PAGE: usize = 100;

/// The seller's products in the shop: their ids by stock code.
pub(crate) struct Stock {
    client: Client,
    product: String,
    ids: HashMap<String, String>,
}

/// Product is there and its store is not, or does not answer in time: nothing was written, or nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("product cannot reach its catalog")]
pub(super) struct Away;

#[derive(Deserialize)]
struct Row {
    stock_code: String,
    name: String,
    price_pence: i64,
}

#[derive(Serialize)]
struct Item<'a> {
    name: &'a str,
    description: &'a str,
    price: f64,
    account_id: u64,
    sku: &'a str,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Listed>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    account_id: u64,
    sku: Option<String>,
}

/// Whether the shop has no product at all.
pub(super) async fn is_empty(product: &str) -> anyhow::Result<bool> {
    Ok(page(&client()?, product, 1, None).await?.items.is_empty())
}

impl Stock {
    pub(super) async fn read(product: &str, seller: &Seller) -> anyhow::Result<Self> {
        let (client, mut ids, mut cursor) = (client()?, HashMap::new(), None);
        loop {
            let Page { items, next_cursor } = page(&client, product, PAGE, cursor.as_deref()).await?;
            let own = items.into_iter().filter(|item| item.account_id == seller.account_id);
            ids.extend(own.filter_map(|item| Some((item.sku?, item.id))));
            cursor = next_cursor;
            if cursor.is_none() {
                return Ok(Self { client, product: product.to_owned(), ids });
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The product with this stock code.
    pub(super) fn id(&self, code: &str) -> Option<&str> {
        self.ids.get(code).map(String::as_str)
    }

    /// Creates what is missing; answers with how much that was.
    pub(super) async fn complete(&self, fixtures: &Path, seller: &Seller) -> anyhow::Result<usize> {
        let path = fixtures.join(PRODUCTS);
        let rows = csv::Reader::from_path(&path)
            .and_then(|reader| reader.into_deserialize().collect::<Result<Vec<Row>, _>>())
            .with_context(|| format!("cannot read {}", path.display()))?;
        let missing: Vec<Row> = rows.into_iter().filter(|row| !self.ids.contains_key(&row.stock_code)).collect();
        if missing.is_empty() {
            return Ok(0);
        }
        let (meter, total) = (Meter::new("products"), missing.len() as u64);
        meter.set(0, Some(total), "catalog");
        let items = missing.iter().map(|row| item(row, seller)).collect::<anyhow::Result<Vec<_>>>()?;
        self.create(&items, seller).await?;
        meter.set(total, Some(total), "catalog");
        Ok(missing.len())
    }

    /// All or nothing: a seed that is killed leaves the shop as it was, and an empty shop is seeded at the next `up`.
    async fn create(&self, items: &[Item<'_>], seller: &Seller) -> anyhow::Result<()> {
        let request = self.client.post(format!("{}/products/bulk", self.product)).bearer_auth(&seller.token);
        let body = serde_json::json!({ "items": items });
        let response = request.json(&body).send().await.context("product cannot be reached")?;
        match response.status() {
            StatusCode::CREATED => Ok(()),
            StatusCode::SERVICE_UNAVAILABLE => Err(Away.into()),
            status => bail!("product refuses the catalog: {status}, {}", response.text().await.unwrap_or_default()),
        }
    }
}

fn item<'a>(row: &'a Row, seller: &Seller) -> anyhow::Result<Item<'a>> {
    let price = i32::try_from(row.price_pence).ok().filter(|&pence| pence >= 0);
    let price = price.with_context(|| format!("the price of {} is {} pence", row.stock_code, row.price_pence))?;
    Ok(Item {
        name: &row.name,
        description: "",
        price: f64::from(price) / 100.0,
        account_id: seller.account_id,
        sku: &row.stock_code,
    })
}

fn client() -> reqwest::Result<Client> {
    // The shop is on this machine, where a proxy has no business.
    Client::builder().no_proxy().build()
}

async fn page(client: &Client, product: &str, limit: usize, cursor: Option<&str>) -> anyhow::Result<Page> {
    let mut request = client.get(format!("{product}/products/")).query(&[("limit", limit)]);
    if let Some(cursor) = cursor {
        request = request.query(&[("cursor", cursor)]);
    }
    let answer = request.send().await;
    if answer.as_ref().is_ok_and(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE) {
        return Err(Away.into());
    }
    let answer = answer.and_then(Response::error_for_status).context("product cannot be asked for its catalog")?;
    answer.json().await.context("product's catalog has an unknown form")
}
