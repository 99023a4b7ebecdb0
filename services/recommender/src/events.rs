//! What the shop tells: the catalog from `product_events`, what was bought from `order_events`.
//!
//! The original's events have neither version nor cents: they count as version 0, and their prices must be whole cents.

use async_trait::async_trait;
use bus::{HandleError, Handler, Received};
use kit::Cents;
use serde::Deserialize;
use sqlx::PgConnection;

use crate::domain::{self, Basket, Invalid, Order, Product};
use crate::store;

/// The consumer group, shared by all replicas.
pub(crate) const GROUP: &str = "recommender";

pub(crate) const TOPICS: &[&str] = &["product_events", "order_events"];

/// Applies events to the database.
pub(crate) struct Events;

#[derive(Deserialize)]
struct ProductData {
    product_id: String,
    name: String,
    description: Option<String>,
    price: Option<f64>,
    price_cents: Option<i64>,
    version: Option<i64>,
}

#[derive(Deserialize)]
struct DeletedData {
    product_id: String,
    version: Option<i64>,
}

#[derive(Deserialize)]
struct OrderData {
    order_id: i64,
    account_id: i64,
    products: Vec<LineData>,
    version: Option<i64>,
}

#[derive(Deserialize)]
struct LineData {
    product_id: String,
    quantity: i64,
}

#[async_trait]
impl Handler for Events {
    async fn handle(&self, transaction: &mut PgConnection, event: &Received) -> Result<(), HandleError> {
        match event.kind.as_str() {
            "product_created" | "product_updated" => {
                let data: ProductData = event.data()?;
                let version = version(data.version)?;
                let product = data.product().map_err(refused)?;
                store::save_product(transaction, &product, version).await?;
            }
            "product_deleted" => {
                let data: DeletedData = event.data()?;
                let version = version(data.version)?;
                let id = domain::id("product_id", data.product_id).map_err(refused)?;
                store::delete_product(transaction, &id, version).await?;
            }
            "order_created" | "order_paid" | "order_payment_failed" | "order_cancelled" => {
                let data: OrderData = event.data()?;
                let version = version(data.version)?;
                let order = data.order(event.kind == "order_cancelled").map_err(refused)?;
                store::save_order(transaction, &order, version).await?;
            }
            kind => tracing::debug!(kind, "an event of a kind that means nothing here"),
        }
        Ok(())
    }
}

impl ProductData {
    fn product(self) -> Result<Product, Invalid> {
        let id = domain::id("product_id", self.product_id)?;
        let price = match (self.price_cents, self.price) {
            (Some(cents), _) => Cents::new(cents).filter(|cents| *cents <= Cents::MAX_PRICE),
            (None, Some(price)) => Cents::from_wire(price),
            (None, None) => None,
        };
        Ok(Product {
            price: price.ok_or_else(|| Invalid::Price(id.clone()))?,
            name: domain::text("name", self.name)?,
            description: domain::text("description", self.description.unwrap_or_default())?,
            id,
        })
    }
}

impl OrderData {
    fn order(self, cancelled: bool) -> Result<Order, Invalid> {
        if self.order_id < 1 {
            return Err(Invalid::Order(self.order_id));
        }
        let basket = Basket::new(self.products.into_iter().map(|line| (line.product_id, line.quantity)))?;
        Ok(Order { id: self.order_id, account_id: self.account_id, basket, cancelled })
    }
}

/// What counts as the version of an event that may have none.
fn version(told: Option<i64>) -> Result<i64, HandleError> {
    match told {
        None => Ok(0),
        Some(version) if version >= 0 => Ok(version),
        Some(version) => Err(HandleError::Refused(format!("version {version} is negative"))),
    }
}

fn refused(reason: Invalid) -> HandleError {
    HandleError::Refused(reason.to_string())
}
