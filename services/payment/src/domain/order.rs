//! An order as payment sees it.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::transaction::{Outcome, UnknownWord};

/// An order, as order's service told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) account_id: i64,
    /// What is charged, in cents.
    pub(crate) total_cents: i64,
    pub(crate) status: OrderStatus,
    pub(crate) lines: Vec<Line>,
    /// Where the trace in which it was made can be gone on with, if somebody collects that.
    pub(crate) trace: Option<String>,
}

/// One product of an order.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Line {
    pub(crate) product_id: String,
    pub(crate) quantity: u32,
    /// Of one, when the order was made.
    pub(crate) price_cents: i64,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderStatus {
    Pending,
    Paid,
    PaymentFailed,
    Cancelled,
}

impl OrderStatus {
    /// The word on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Paid => "PAID",
            Self::PaymentFailed => "PAYMENT_FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether somebody may still pay it.
    pub(crate) fn payable(self) -> bool {
        match self {
            Self::Pending | Self::PaymentFailed => true,
            Self::Paid | Self::Cancelled => false,
        }
    }
}

impl From<Outcome> for OrderStatus {
    /// What an order becomes when its payment ended so.
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Self::Paid,
            Outcome::Failed => Self::PaymentFailed,
        }
    }
}

impl FromStr for OrderStatus {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        [Self::Pending, Self::Paid, Self::PaymentFailed, Self::Cancelled]
            .into_iter()
            .find(|s| s.as_str() == word)
            .ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

/// The basket that a client named is not what was ordered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the products are not the order's")]
pub(crate) struct CartMismatch;

/// Whether `cart` (product id and quantity) holds the same things as `lines`, whatever the order and however often a
/// product is repeated. An empty cart says nothing, hence agrees.
pub(crate) fn same_basket<'a>(
    cart: impl IntoIterator<Item = (&'a str, u64)>,
    lines: &'a [Line],
) -> Result<(), CartMismatch> {
    let cart = merged(cart)?;
    let ordered = merged(lines.iter().map(|line| (line.product_id.as_str(), u64::from(line.quantity))))?;
    if cart.is_empty() || cart == ordered { Ok(()) } else { Err(CartMismatch) }
}

fn merged<'a>(items: impl IntoIterator<Item = (&'a str, u64)>) -> Result<BTreeMap<&'a str, u64>, CartMismatch> {
    let mut sums = BTreeMap::new();
    for (product, quantity) in items {
        let sum: &mut u64 = sums.entry(product).or_default();
        // A quantity of nothing is nobody's basket; a sum past u64 is no order's either.
        *sum = sum.checked_add(quantity).filter(|_| quantity > 0).ok_or(CartMismatch)?;
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[(&str, u32)]) -> Vec<Line> {
        lines.iter().map(|&(id, quantity)| Line { product_id: id.to_owned(), quantity, price_cents: 100 }).collect()
    }

    #[test]
    fn the_same_basket_in_another_order_or_in_pieces_agrees() {
        let ordered = lines(&[("mug", 3), ("pen", 1)]);
        let agreeing: [&[(&str, u64)]; 4] =
            [&[], &[("mug", 3), ("pen", 1)], &[("pen", 1), ("mug", 3)], &[("mug", 1), ("pen", 1), ("mug", 2)]];
        for cart in agreeing {
            assert_eq!(same_basket(cart.iter().copied(), &ordered), Ok(()), "{cart:?}");
        }
    }

    #[test]
    fn another_basket_is_refused() {
        let ordered = lines(&[("mug", 3), ("pen", 1)]);
        let differing: [&[(&str, u64)]; 7] = [
            &[("mug", 3)],
            &[("mug", 2), ("pen", 1)],
            &[("mug", 3), ("pen", 1), ("cup", 1)],
            &[("mug", 3), ("pen", 1), ("cup", 0)],
            &[("mug", 3), ("pen", 1), ("pen", 0)],
            &[("mug", u64::MAX), ("mug", 4), ("pen", 1)],
            &[("Mug", 3), ("pen", 1)],
        ];
        for cart in differing {
            assert_eq!(same_basket(cart.iter().copied(), &ordered), Err(CartMismatch), "{cart:?}");
        }
    }
}
