use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    gateway::chain,
    invariants::{Error, history::Product, told, told::Fault},
};

/// As many as product gives at a time.
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
    next_cursor: Option<String>,
}

/// All products by id, asked of product itself: it alone has its store open.
pub(in crate::invariants) async fn read(url: &str) -> Result<Vec<(String, Result<Product, Fault>)>, Error> {
    // The shop is on this machine, where a proxy has no business.
    let client = Client::builder().no_proxy().build();
    let client = client.map_err(|error| Error::Catalog { url: url.to_owned(), why: chain(&error) })?;
    let (mut products, mut cursor) = (Vec::new(), None);
    loop {
        let page = page(&client, url, cursor.as_deref()).await;
        let page = page.map_err(|error| Error::Catalog { url: url.to_owned(), why: chain(&error) })?;
        let id = |answer: &Value| answer["id"].as_str().unwrap_or("without an id").to_owned();
        products.extend(page.items.iter().map(|answer| (id(answer), told::product(answer))));
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(products),
        }
    }
}

async fn page(client: &Client, url: &str, cursor: Option<&str>) -> reqwest::Result<Page> {
    let mut request = client.get(format!("{url}/products/")).query(&[("limit", PAGE)]);
    if let Some(cursor) = cursor {
        request = request.query(&[("cursor", cursor)]);
    }
    request.send().await?.error_for_status()?.json().await
}
