//! What an event's value says, read as strictly as the shop writes it.

use serde::Deserialize;
use serde_json::Value;

use super::history::{Line, Product};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// An order came to have a status; the whole order as of that version.
    Order(Change),
    /// A product was created or updated; the whole product.
    Standing { created: bool, version: i64, product: Product },
    /// A product was deleted.
    Gone { id: String, version: i64 },
}

/// A state change of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `type` of the event.
    pub kind: String,
    pub order: i64,
    pub account: i64,
    pub status: String,
    pub total: i64,
    pub version: i64,
    pub lines: Vec<Line>,
}

/// Why something is not what the shop writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No JSON with a type and data.
    Malformed,
    /// A type that nobody in the shop writes there.
    Kind(String),
    /// Data that lack something, or have it in another shape.
    Data(String),
    /// Money that is no whole number of cents, or of which two things are said.
    Money(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed => f.write_str("no event at all"),
            Self::Kind(kind) => write!(f, "type {kind:?}"),
            Self::Data(why) | Self::Money(why) => f.write_str(why),
        }
    }
}

#[derive(Deserialize)]
struct OrderData {
    order_id: i64,
    account_id: i64,
    total_price: f64,
    total_cents: i64,
    status: String,
    version: i64,
    products: Vec<LineData>,
}

#[derive(Deserialize)]
struct LineData {
    product_id: String,
    quantity: i64,
    price_cents: i64,
}

#[derive(Deserialize)]
struct ProductData {
    /// Product's own answers call it `id`.
    #[serde(alias = "id")]
    product_id: String,
    name: String,
    description: String,
    price: f64,
    price_cents: i64,
    account_id: i64,
    #[serde(default)]
    sku: Option<String>,
    /// Not in product's answers.
    #[serde(default)]
    version: i64,
}

#[derive(Deserialize)]
struct GoneData {
    product_id: String,
    version: i64,
}

/// What a record of `order_events` says.
///
/// # Errors
/// When it is none that order writes.
pub fn of_order(kind: Option<&str>, data: &Value) -> Result<Told, Fault> {
    match kind {
        None => Err(Fault::Malformed),
        Some(kind @ ("order_created" | "order_paid" | "order_payment_failed" | "order_cancelled")) => {
            let OrderData { order_id, account_id, total_price, total_cents, status, version, products } = read(data)?;
            agree("total_price", total_price, total_cents)?;
            let lines = products.into_iter().map(LineData::line).collect();
            let (kind, total) = (kind.to_owned(), total_cents);
            Ok(Told::Order(Change { kind, order: order_id, account: account_id, status, total, version, lines }))
        }
        Some(kind) => Err(Fault::Kind(kind.to_owned())),
    }
}

/// What a record of `product_events` says.
///
/// # Errors
/// When it is none that product writes.
pub fn of_product(kind: Option<&str>, data: &Value) -> Result<Told, Fault> {
    match kind {
        None => Err(Fault::Malformed),
        Some(kind @ ("product_created" | "product_updated")) => {
            let data: ProductData = read(data)?;
            let version = data.version;
            Ok(Told::Standing { created: kind == "product_created", version, product: data.product()? })
        }
        Some("product_deleted") => {
            let GoneData { product_id, version } = read(data)?;
            Ok(Told::Gone { id: product_id, version })
        }
        Some(kind) => Err(Fault::Kind(kind.to_owned())),
    }
}

/// A product as product answers.
///
/// # Errors
/// When that makes no sense.
pub fn product(answer: &Value) -> Result<Product, Fault> {
    read::<ProductData>(answer)?.product()
}

/// The lines that payment has noted with a transaction.
///
/// # Errors
/// When they are no lines.
pub fn lines(noted: &Value) -> Result<Vec<Line>, Fault> {
    Ok(read::<Vec<LineData>>(noted)?.into_iter().map(LineData::line).collect())
}

impl LineData {
    fn line(self) -> Line {
        Line { product: self.product_id, quantity: self.quantity, price: self.price_cents }
    }
}

impl ProductData {
    fn product(self) -> Result<Product, Fault> {
        let Self { product_id, name, description, price, price_cents, account_id, sku, version: _ } = self;
        agree("price", price, price_cents)?;
        Ok(Product { id: product_id, account: account_id, name, description, price: price_cents, sku })
    }
}

fn read<T: for<'a> Deserialize<'a>>(data: &Value) -> Result<T, Fault> {
    if let Some((field, value)) = broken(data) {
        return Err(Fault::Money(format!("{field} is {value}, no whole number of cents")));
    }
    T::deserialize(data).map_err(|error| Fault::Data(error.to_string()))
}

/// The first amount in cents that is no integer, or below zero.
fn broken(data: &Value) -> Option<(&str, &Value)> {
    match data {
        Value::Object(fields) => fields.iter().find_map(|(field, value)| {
            if field.ends_with("_cents") && value.as_i64().is_none_or(|cents| cents < 0) {
                return Some((field.as_str(), value));
            }
            broken(value)
        }),
        Value::Array(items) => items.iter().find_map(broken),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The wire's double stands for exactly the cents beside it.
fn agree(field: &str, wire: f64, cents: i64) -> Result<(), Fault> {
    #[expect(clippy::cast_precision_loss, reason = "what is beyond 2^53 cents is no price, and not equal either")]
    let exact = cents as f64 / 100.0;
    if wire == exact {
        Ok(())
    } else {
        Err(Fault::Money(format!("{field} is {wire}, the cents beside it are {cents}")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order() -> Value {
        json!({ "order_id": 7, "account_id": 3, "total_price": 0.58, "total_cents": 58, "status": "PENDING",
            "version": 1, "created_at": "2026-11-27T08:00:00Z",
            "products": [{ "product_id": "a", "quantity": 2, "price_cents": 29 }] })
    }

    #[test]
    fn what_order_writes_is_understood() {
        let told = of_order(Some("order_created"), &order()).expect("it is an event");
        let lines = vec![Line { product: "a".to_owned(), quantity: 2, price: 29 }];
        let (kind, status) = ("order_created".to_owned(), "PENDING".to_owned());
        assert_eq!(told, Told::Order(Change { kind, order: 7, account: 3, status, total: 58, version: 1, lines }));
    }

    #[test]
    fn money_that_is_no_whole_number_of_cents_is_told_as_such() {
        for (path, value) in [
            ("/total_cents", json!(58.0)),
            ("/total_cents", json!("58")),
            ("/total_cents", json!(-58)),
            ("/total_price", json!(0.57)),
            ("/products/0/price_cents", json!(29.5)),
            ("/products/0/price_cents", json!(null)),
        ] {
            let mut data = order();
            *data.pointer_mut(path).expect("it is there") = value.clone();
            let fault = of_order(Some("order_created"), &data).expect_err("it is refused");
            assert!(matches!(fault, Fault::Money(_)), "{path} {value}: {fault:?}");
        }
    }

    #[test]
    fn what_is_no_event_of_the_shop_says_why() {
        assert_eq!(of_order(None, &Value::Null), Err(Fault::Malformed));
        assert_eq!(of_order(Some("order_admired"), &order()), Err(Fault::Kind("order_admired".to_owned())));
        assert!(matches!(of_order(Some("order_paid"), &json!({})), Err(Fault::Data(_))));
        assert!(matches!(of_product(Some("product_deleted"), &json!({ "product_id": 7 })), Err(Fault::Data(_))));
    }
}
