//! What somebody wants to buy, before and after it has prices.

use std::collections::HashMap;

use kit::Cents;
use thiserror::Error;

use super::Line;

/// Different products in one order, at most.
pub(crate) const MAX_LINES: usize = 500;

/// Of one product in one order, at most: the original's GraphQL clients hold a quantity in a 32-bit Int.
pub(crate) const MAX_QUANTITY: u32 = i32::MAX as u32;

/// The products asked for: each once, where it was named first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Basket {
    items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    product_id: String,
    quantity: u32,
}

/// A basket with the prices of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Priced {
    pub lines: Vec<Line>,
    /// At most [`Cents::MAX_TOTAL`].
    pub total: Cents,
}

/// Why something can't be ordered.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum Refusal {
    #[error("an order needs at least one product")]
    Empty,
    #[error("quantity of product {0:?} must not be 0")]
    NoQuantity(String),
    #[error("quantity of product {0:?} must be at most {MAX_QUANTITY}")]
    TooManyOf(String),
    #[error("an order has at most {MAX_LINES} different products")]
    TooManyProducts,
    #[error("an order's total is at most {}", Cents::MAX_TOTAL)]
    TotalTooHigh,
    #[error("product {0:?} is unknown")]
    UnknownProduct(String),
}

impl Basket {
    /// Merges repeated products, which keep their first place.
    pub(crate) fn new(products: impl IntoIterator<Item = (String, u32)>) -> Result<Self, Refusal> {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut merged: Vec<(String, u64)> = Vec::new();
        for (product_id, quantity) in products {
            if quantity == 0 {
                return Err(Refusal::NoQuantity(product_id));
            }
            match places.get(&product_id) {
                Some(&place) => merged[place].1 += u64::from(quantity),
                None if merged.len() == MAX_LINES => return Err(Refusal::TooManyProducts),
                None => {
                    places.insert(product_id.clone(), merged.len());
                    merged.push((product_id, u64::from(quantity)));
                }
            }
        }
        if merged.is_empty() {
            return Err(Refusal::Empty);
        }
        let items = merged.into_iter().map(|(product_id, quantity)| match u32::try_from(quantity) {
            Ok(quantity) if quantity <= MAX_QUANTITY => Ok(Item { product_id, quantity }),
            Ok(_) | Err(_) => Err(Refusal::TooManyOf(product_id)),
        });
        Ok(Self { items: items.collect::<Result<_, _>>()? })
    }

    /// Each product's id once, in the order of the lines.
    pub(crate) fn product_ids(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|item| item.product_id.as_str())
    }

    /// Whether an order with these lines is what this basket asks for, whatever it cost and in whichever order: a client
    /// that builds its request anew may not know which product it named first.
    pub(crate) fn is(&self, lines: &[Line]) -> bool {
        // Both have each product once.
        let wanted: HashMap<_, _> = self.items.iter().map(|item| (item.product_id.as_str(), item.quantity)).collect();
        let asked_for = |line: &Line| wanted.get(line.product_id.as_str()) == Some(&line.quantity);
        wanted.len() == lines.len() && lines.iter().all(asked_for)
    }

    /// Gives each line its price, by product id. A product without one is unknown.
    pub(crate) fn priced(self, prices: &HashMap<String, Cents>) -> Result<Priced, Refusal> {
        let mut lines = Vec::with_capacity(self.items.len());
        for Item { product_id, quantity } in self.items {
            let Some(&price) = prices.get(&product_id) else {
                return Err(Refusal::UnknownProduct(product_id));
            };
            lines.push(Line { product_id, quantity, price });
        }
        let total = Cents::total(lines.iter().map(|line| (line.price, line.quantity)));
        total.map(|total| Priced { lines, total }).ok_or(Refusal::TotalTooHigh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basket(products: &[(&str, u32)]) -> Result<Basket, Refusal> {
        Basket::new(products.iter().map(|(id, quantity)| ((*id).to_owned(), *quantity)))
    }

    fn prices(prices: &[(&str, i64)]) -> HashMap<String, Cents> {
        prices.iter().map(|(id, cents)| ((*id).to_owned(), Cents::new(*cents).expect("a price"))).collect()
    }

    #[test]
    fn repeated_products_are_merged_where_they_were_named_first() {
        let merged = basket(&[("b", 1), ("a", 2), ("b", 3)]).expect("a valid basket");
        assert_eq!(merged, basket(&[("b", 4), ("a", 2)]).expect("a valid basket"));
        assert_ne!(merged, basket(&[("a", 2), ("b", 4)]).expect("a valid basket"));
    }

    #[test]
    fn what_nobody_can_order_is_refused() {
        assert_eq!(basket(&[]), Err(Refusal::Empty));
        assert_eq!(basket(&[("a", 1), ("b", 0)]), Err(Refusal::NoQuantity("b".to_owned())));
        assert_eq!(basket(&[("a", u32::MAX)]), Err(Refusal::TooManyOf("a".to_owned())));
        assert_eq!(basket(&[("a", 2_147_483_647), ("a", 1)]), Err(Refusal::TooManyOf("a".to_owned())));
        assert!(basket(&[("a", 2_147_483_647)]).is_ok());
    }

    #[test]
    fn the_limit_of_lines_counts_different_products() {
        let many = |different: usize| (0..2 * different).map(move |n| (format!("p{}", n % different), 1));
        assert!(Basket::new(many(MAX_LINES)).is_ok());
        assert_eq!(Basket::new(many(MAX_LINES + 1)), Err(Refusal::TooManyProducts));
    }

    #[test]
    fn a_total_is_the_exact_sum_up_to_the_largest_int() {
        let total = |products: &[(&str, u32)], cents: &[(&str, i64)]| {
            let priced = basket(products).expect("a valid basket").priced(&prices(cents));
            priced.map(|priced| priced.total.get())
        };
        assert_eq!(total(&[("a", 3), ("b", 2)], &[("a", 255), ("b", 1)]), Ok(767));
        assert_eq!(total(&[("a", 2_147_483_647)], &[("a", 1)]), Ok(2_147_483_647));
        assert_eq!(total(&[("a", 2_147_483_647), ("b", 1)], &[("a", 1), ("b", 1)]), Err(Refusal::TotalTooHigh));
        assert_eq!(total(&[("a", 2_147_483_647)], &[("a", 99_999_999)]), Err(Refusal::TotalTooHigh));
        assert_eq!(total(&[("a", 2_147_483_647)], &[("a", 0)]), Ok(0));
    }

    #[test]
    fn a_product_without_a_price_is_named_as_unknown() {
        let priced = basket(&[("a", 1), ("b", 1)]).expect("a valid basket").priced(&prices(&[("a", 1)]));
        assert_eq!(priced, Err(Refusal::UnknownProduct("b".to_owned())));
    }
}
