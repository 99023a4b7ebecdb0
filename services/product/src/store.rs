//! The catalog's store, whichever it is: chosen by the scheme of `CATALOG_URL`.

pub mod elasticsearch;
pub mod embedded;
mod record;
mod text;

use async_trait::async_trait;

use crate::domain::{Actor, Details, Draft, Page, Position, Product, Search};

/// Why the store can't do its work now; who asked may try again.
#[derive(Debug, thiserror::Error)]
#[error("the catalog store can't be reached: {0:#}")]
pub struct Unavailable(pub anyhow::Error);

/// Why a product was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("the product does not exist")]
    NotFound,
    #[error("the product belongs to another account")]
    NotOwner,
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Products and their events. Whoever has got an answer to a write finds both after any crash, and [`Catalog::get`],
/// [`Catalog::batch`] and [`Catalog::list`] see it at once, [`Catalog::search`] within a second.
#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    /// Stores all of `drafts` or, on an error, none. Products come back in the order of the drafts.
    async fn create(&self, drafts: Vec<Draft>) -> Result<Vec<Product>, Unavailable>;

    /// Replaces what the seller says. If that is what stands there already, nothing changes and no event is published.
    async fn update(&self, id: &str, actor: Actor, details: Details) -> Result<Product, ChangeError>;

    /// Removes the product for good; its id is never used again.
    async fn delete(&self, id: &str, actor: Actor) -> Result<(), ChangeError>;

    async fn get(&self, id: &str) -> Result<Option<Product>, Unavailable>;

    /// Those of `ids` that exist, in that order.
    async fn batch(&self, ids: Vec<String>) -> Result<Vec<Product>, Unavailable>;

    /// Up to `limit` products in the order of their creation, those created after `after`. Writes between two pages
    /// neither repeat nor skip a product that stays.
    async fn list(&self, after: Option<u64>, limit: usize) -> Result<Page<u64>, Unavailable>;

    async fn search(&self, search: Search) -> Result<Page<Position>, Unavailable>;

    /// Whether reads and writes are possible.
    async fn check(&self) -> Result<(), Unavailable>;
}
