//! What recommendations are made of: products, orders, and baskets of another system. No transport, no database.

use std::collections::HashMap;

use kit::Cents;
use thiserror::Error;
use time::OffsetDateTime;

/// Bytes of an id, at most: longer ones belong to nothing that a shop made.
const MAX_ID: usize = 256;

/// Lines of one basket, at most.
const MAX_LINES: usize = 10_000;

/// A product as shoppers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Product {
    pub id: String,
    pub name: String,
    pub description: String,
    pub price: Cents,
}

/// The newest that is known of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub id: i64,
    pub account_id: i64,
    pub basket: Basket,
    pub cancelled: bool,
}

/// What was bought elsewhere, before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Imported {
    pub id: String,
    /// Of the other system: never an account of this shop.
    pub customer: String,
    pub ordered_at: OffsetDateTime,
    pub basket: Basket,
}

/// Products bought together, each once, with how many of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Basket {
    pub product_ids: Vec<String>,
    /// One for each product, 1 or more.
    pub quantities: Vec<i64>,
}

/// Why something can't be taken in.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum Invalid {
    #[error("{0} must have 1 to {MAX_ID} bytes and no NUL")]
    Text(&'static str),
    #[error("there can be no order {0}")]
    Order(i64),
    #[error("a basket must have 1 to {MAX_LINES} lines")]
    Lines,
    #[error("quantity of product {0:?} must be at least 1")]
    Quantity(String),
    #[error("product {0:?} has no price that is an exact amount of cents")]
    Price(String),
    #[error("{0} must not contain NUL")]
    Nul(&'static str),
    #[error("ordered_at {0:?} is no RFC 3339 time")]
    Time(String),
}

impl Basket {
    /// Merges repeated products, which keep their first place.
    pub(crate) fn new(lines: impl IntoIterator<Item = (String, i64)>) -> Result<Self, Invalid> {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut basket = Self { product_ids: Vec::new(), quantities: Vec::new() };
        for (product_id, quantity) in lines {
            let product_id = id("product_id", product_id)?;
            if quantity < 1 {
                return Err(Invalid::Quantity(product_id));
            }
            match places.get(&product_id) {
                Some(&place) => basket.quantities[place] = basket.quantities[place].saturating_add(quantity),
                None if basket.product_ids.len() == MAX_LINES => return Err(Invalid::Lines),
                None => {
                    places.insert(product_id.clone(), basket.product_ids.len());
                    basket.product_ids.push(product_id);
                    basket.quantities.push(quantity);
                }
            }
        }
        if basket.product_ids.is_empty() { Err(Invalid::Lines) } else { Ok(basket) }
    }
}

/// Checks an id that another system made; `what` names it in the error.
pub(crate) fn id(what: &'static str, id: String) -> Result<String, Invalid> {
    if id.is_empty() || id.len() > MAX_ID || id.contains('\0') { Err(Invalid::Text(what)) } else { Ok(id) }
}

/// Checks a text that may be empty and of any length.
pub(crate) fn text(what: &'static str, text: String) -> Result<String, Invalid> {
    if text.contains('\0') { Err(Invalid::Nul(what)) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_products_are_merged_where_they_were_named_first() {
        let lines = [("b", 1), ("a", 2), ("b", 3)].map(|(id, quantity)| (id.to_owned(), quantity));
        let basket = Basket::new(lines).expect("a valid basket");
        assert_eq!((basket.product_ids, basket.quantities), (vec!["b".to_owned(), "a".to_owned()], vec![4, 2]));
    }

    #[test]
    fn what_no_shop_sold_is_refused() {
        assert_eq!(Basket::new([]), Err(Invalid::Lines));
        assert_eq!(Basket::new([("a".to_owned(), 0)]), Err(Invalid::Quantity("a".to_owned())));
        assert_eq!(Basket::new([(String::new(), 1)]), Err(Invalid::Text("product_id")));
        assert_eq!(Basket::new([("a\0".to_owned(), 1)]), Err(Invalid::Text("product_id")));
        assert_eq!(Basket::new([("a".repeat(257), 1)]), Err(Invalid::Text("product_id")));
    }
}
