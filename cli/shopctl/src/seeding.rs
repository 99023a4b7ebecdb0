//! Fills the shop with what `fixtures/` holds: a real catalog, and real orders as history for the recommender.

mod catalog;
mod history;
mod seller;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::time::sleep;

use catalog::{Away, Stock};
pub(crate) use seller::Seller;

/// How long product may be without its store: a database that is just starting on a busy machine answers late.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(1);

/// Where the shop is, and what only this instance knows; the task `seed` has it in its environment.
#[derive(Debug)]
pub(crate) struct Shop {
    /// `http://host:port`, as all addresses here.
    pub(crate) account: String,
    pub(crate) product: String,
    pub(crate) recommender: String,
    pub(crate) seller_password: String,
    pub(crate) instance: String,
    /// File with shopctl's own private key.
    pub(crate) signing_key: String,
}

impl Shop {
    /// # Errors
    /// When a variable is missing; it is named.
    pub(crate) fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let required = |name: &str| lookup(name).with_context(|| format!("{name} is not set"));
        Ok(Self {
            account: required("ACCOUNT_URL")?,
            product: required("PRODUCT_URL")?,
            recommender: required("RECOMMENDER_URL")?,
            seller_password: required("SELLER_PASSWORD")?,
            instance: required("SHOP_INSTANCE")?,
            signing_key: required("SHOP_SIGNING_KEY")?,
        })
    }
}

/// What was put into the shop.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Outcome {
    /// Products that were missing.
    pub(crate) products: usize,
    /// Products that were there before.
    pub(crate) present: usize,
    /// Past orders given to the recommender.
    pub(crate) baskets: u64,
}

/// Creates whatever of the catalog is missing.
///
/// # Errors
/// When a service refuses or cannot be reached, or the fixtures cannot be read.
pub(crate) async fn catalog(shop: &Shop, fixtures: &Path, seller: &Seller) -> anyhow::Result<Outcome> {
    let mut present = None;
    patiently(async || {
        let stock = Stock::read(&shop.product, seller).await?;
        // What came after the first look is of an earlier try, whose answer was lost.
        let before = *present.get_or_insert(stock.len());
        let products = stock.complete(fixtures, seller).await? + stock.len() - before;
        Ok(Outcome { products, present: before, baskets: 0 })
    })
    .await
}

/// Whether the shop has no product at all.
///
/// # Errors
/// When product cannot be reached or refuses.
pub(crate) async fn is_empty(product: &str) -> anyhow::Result<bool> {
    patiently(async || catalog::is_empty(product).await).await
}

/// Tries again for a while if product's store is away.
async fn patiently<T>(mut attempt: impl AsyncFnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Err(error) if error.is::<Away>() && Instant::now() < deadline => sleep(RETRY).await,
            outcome => return outcome,
        }
    }
}

/// Gives the real orders to the recommender; the catalog must be there.
///
/// # Errors
/// As [`catalog`], and when a product of theirs is not in the shop.
pub(crate) async fn history(shop: &Shop, fixtures: &Path, seller: &Seller) -> anyhow::Result<u64> {
    let stock = Stock::read(&shop.product, seller).await?;
    history::import(shop, &stock, fixtures).await
}
