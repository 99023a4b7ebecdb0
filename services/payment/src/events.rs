//! What this service hears: product's events for its price list, order's cancellations.

use async_trait::async_trait;
use bus::{HandleError, Handler, Received};
use kit::Cents;
use serde::Deserialize;
use sqlx::PgConnection;

use crate::store::{self, Listed};

/// The consumer group: replicas share the partitions.
pub(crate) const GROUP: &str = "payment";
const PRODUCTS: &str = "product_events";
const ORDERS: &str = "order_events";
pub(crate) const TOPICS: [&str; 2] = [PRODUCTS, ORDERS];

/// The version of what comes from a producer that counts none.
const UNCOUNTED: i64 = 0;

/// Takes events in, each within the transaction of its inbox row.
pub(crate) struct Listener;

/// `version` and cents are missing where the original's producer wrote.
#[derive(Deserialize)]
struct Product {
    product_id: String,
    name: String,
    price: Option<f64>,
    price_cents: Option<Cents>,
    version: Option<i64>,
}

#[derive(Deserialize)]
struct Deleted {
    product_id: String,
    version: Option<i64>,
}

#[derive(Deserialize)]
struct Order {
    order_id: i64,
}

#[async_trait]
impl Handler for Listener {
    /// Most of what order tells: each checkout has two such events, and a transaction for nothing costs as much as one for
    /// something.
    fn concerns(&self, event: &Received) -> Result<bool, HandleError> {
        match (event.topic.as_str(), event.kind.as_str()) {
            (PRODUCTS, "product_created" | "product_updated" | "product_deleted") | (ORDERS, "order_cancelled") => {
                Ok(true)
            }
            // A broken one is for somebody to look at.
            (ORDERS, "order_created" | "order_paid" | "order_payment_failed") => order(event).map(|_| false),
            // Kinds that others add are none of ours.
            (_, kind) => {
                tracing::debug!(kind = %kit::text::escape_control(kind), "not for payment");
                Ok(false)
            }
        }
    }

    async fn handle(&self, transaction: &mut PgConnection, event: &Received) -> Result<(), HandleError> {
        match (event.topic.as_str(), event.kind.as_str()) {
            (PRODUCTS, "product_created" | "product_updated") => {
                let product: Product = event.data()?;
                let version = version(product.version)?;
                store::put_product(transaction, &listed(product)?, version).await?;
            }
            (PRODUCTS, "product_deleted") => {
                let deleted: Deleted = event.data()?;
                store::delete_product(transaction, &deleted.product_id, version(deleted.version)?).await?;
            }
            (ORDERS, "order_cancelled") => {
                let Order { order_id } = order(event)?;
                store::cancel_order(transaction, order_id).await?;
                tracing::info!(order_id, "heard that the order is cancelled");
            }
            (_, kind) => return Err(HandleError::Refused(format!("{kind} has no effect here"))),
        }
        Ok(())
    }
}

fn version(told: Option<i64>) -> Result<i64, HandleError> {
    match told.unwrap_or(UNCOUNTED) {
        version if version < UNCOUNTED => Err(HandleError::Refused(format!("version {version} is negative"))),
        version => Ok(version),
    }
}

fn order(event: &Received) -> Result<Order, HandleError> {
    let order: Order = event.data()?;
    if order.order_id > 0 { Ok(order) } else { Err(HandleError::Refused(format!("order {} can't be", order.order_id))) }
}

fn listed(product: Product) -> Result<Listed, HandleError> {
    let price = product.price_cents.or_else(|| Cents::from_wire(product.price?));
    let price = price.ok_or_else(|| HandleError::Refused(format!("product {} has no price", product.product_id)))?;
    Ok(Listed { product_id: product.product_id, name: product.name, price_cents: price.get() })
}
