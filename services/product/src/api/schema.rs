//! The shapes of answers, and those of requests as the OpenAPI page shows them.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

use super::input::{MOST_IDS, MOST_ITEMS};
use crate::domain;

/// A product of the catalog.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Product {
    /// Opaque, and never used again once the product is deleted.
    id: String,
    name: String,
    description: String,
    price: f64,
    /// The account that sells it.
    account_id: i64,
    /// The seller's own number for it.
    sku: Option<String>,
    /// The price as an integer.
    price_cents: i64,
}

impl From<domain::Product> for Product {
    fn from(product: domain::Product) -> Self {
        let domain::Product { id, account_id, version: _, details } = product;
        let domain::Details { name, description, price, sku } = details;
        Self { id, name, description, price: price.to_wire(), account_id, sku, price_cents: price.get() }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page {
    pub(super) items: Vec<Product>,
    /// To be given as `cursor` for the next page; null at the end.
    pub(super) next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Batch {
    /// Those that exist, in the order asked for.
    pub(super) items: Vec<Product>,
    /// The ids of those that do not.
    pub(super) missing: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Created {
    pub(super) items: Vec<Product>,
}

/// A product to be put into the catalog.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read field by field, so that all that is wrong is told; declared for the page")]
pub(super) struct ProductCreate {
    /// Not blank.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$")]
    name: String,
    #[schema(max_length = 20_000, pattern = r"^[^\u0000]*$")]
    description: String,
    #[schema(schema_with = price)]
    price: f64,
    #[schema(schema_with = account_id, required = false)]
    account_id: Option<i64>,
    #[schema(min_length = 1, max_length = 64, pattern = r"^[^\u0000]*$")]
    sku: Option<String>,
}

fn price() -> Schema {
    let number = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).maximum(Some(999_999.99));
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^[0-9]{1,6}(\.[0-9]{1,2})?$"));
    let either = OneOfBuilder::new().item(number.multiple_of(Some(0.01))).item(text);
    either.description(Some("A whole number of cents, also as text.")).build().into()
}

fn account_id() -> Schema {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(i32::MAX));
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9]{1,9}$"));
    let none = ObjectBuilder::new().schema_type(Type::Null);
    let either = OneOfBuilder::new().item(number).item(text).item(none);
    either.description(Some("The caller's own; it may be left out.")).build().into()
}

/// The orders that a search can come in.
#[derive(ToSchema)]
#[expect(dead_code, reason = "declared for the page")]
pub(super) enum Sort {
    #[schema(rename = "relevance")]
    Relevance,
    #[schema(rename = "price")]
    PriceRising,
    #[schema(rename = "-price")]
    PriceFalling,
    #[schema(rename = "name")]
    NameRising,
    #[schema(rename = "-name")]
    NameFalling,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "declared for the page")]
pub(super) struct BatchRequest {
    #[schema(max_items = 1000)]
    ids: Vec<String>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "declared for the page")]
pub(super) struct BulkRequest {
    #[schema(max_items = 10_000)]
    items: Vec<ProductCreate>,
}

const _: () = assert!(MOST_IDS == 1000 && MOST_ITEMS == 10_000, "the page says so");

#[derive(ToSchema)]
#[expect(dead_code, reason = "declared for the page")]
pub(super) struct Health {
    #[schema(example = "ok")]
    status: String,
}

/// Any other refusal.
#[derive(ToSchema)]
#[expect(dead_code, reason = "declared for the page")]
pub(super) struct Failure {
    detail: String,
}

/// The catalog can't be reached, so nothing was written.
#[derive(ToSchema)]
#[expect(dead_code, reason = "declared for the page")]
pub(super) struct NotWritten {
    detail: String,
    /// The places of the items in the request.
    not_written: Vec<usize>,
}

#[derive(ToSchema)]
#[schema(as = HTTPValidationError)]
#[expect(dead_code, reason = "declared for the page")]
pub(super) struct HttpValidationError {
    detail: Vec<ValidationError>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "declared for the page")]
pub(super) struct ValidationError {
    loc: Vec<Location>,
    msg: String,
    r#type: String,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "declared for the page")]
pub(super) enum Location {
    Name(String),
    Index(usize),
}
