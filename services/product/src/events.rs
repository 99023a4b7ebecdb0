//! What the catalog tells the rest of the shop, on the topic `product_events`.

use bus::Event;
use serde::Serialize;

use crate::domain::Product;

const TOPIC: &str = "product_events";
const SOURCE: &str = "product";

/// What happened to a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Created,
    Updated,
    Deleted,
}

#[derive(Serialize)]
struct Standing<'a> {
    product_id: &'a str,
    name: &'a str,
    description: &'a str,
    price: f64,
    account_id: i64,
    version: u64,
    price_cents: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<&'a str>,
}

#[derive(Serialize)]
struct Gone<'a> {
    product_id: &'a str,
    version: u64,
}

/// The event that tells of `change`; `product` is as it stands after it (deleted: as it last stood, with the version of
/// its deletion). It belongs to the current span's trace.
pub(crate) fn event(change: Change, product: &Product) -> Result<Event, serde_json::Error> {
    let standing = || Standing {
        product_id: &product.id,
        name: &product.details.name,
        description: &product.details.description,
        price: product.details.price.to_wire(),
        account_id: product.account_id,
        version: product.version,
        price_cents: product.details.price.get(),
        sku: product.details.sku.as_deref(),
    };
    match change {
        Change::Created => Event::new(TOPIC, SOURCE, &product.id, "product_created", &standing()),
        Change::Updated => Event::new(TOPIC, SOURCE, &product.id, "product_updated", &standing()),
        Change::Deleted => {
            let gone = Gone { product_id: &product.id, version: product.version };
            Event::new(TOPIC, SOURCE, &product.id, "product_deleted", &gone)
        }
    }
}
