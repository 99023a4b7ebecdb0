//! What an order is and who may do what with it: no transport, no database.

pub(crate) mod access;
pub(crate) mod basket;
pub(crate) mod key;
pub(crate) mod status;

use kit::Cents;
use time::OffsetDateTime;

pub(crate) use basket::Basket;
pub(crate) use key::IdempotencyKey;
pub(crate) use status::Status;

/// The largest order id: the original's GraphQL clients hold ids in a 32-bit Int.
pub(crate) const MAX_ID: i64 = i32::MAX as i64;

/// An order as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub id: i64,
    pub account_id: i64,
    pub status: Status,
    /// At most [`Cents::MAX_TOTAL`].
    pub total: Cents,
    /// Rises by one with every change of status.
    pub version: i64,
    pub created_at: OffsetDateTime,
    /// In the order in which they were asked for.
    pub lines: Vec<Line>,
}

/// So many of one product, at the price of the moment the order was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub product_id: String,
    /// 1 to 2,147,483,647.
    pub quantity: u32,
    /// What one costs.
    pub price: Cents,
}

/// An id from the wire as the database knows ids; `None` for one that no order or account can have.
pub(crate) fn stored_id(id: u64) -> Option<i64> {
    i64::try_from(id).ok().filter(|id| (1..=MAX_ID).contains(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_out_of_range_is_no_id() {
        assert_eq!(stored_id(0), None);
        assert_eq!(stored_id(1), Some(1));
        assert_eq!(stored_id(2_147_483_647), Some(2_147_483_647));
        assert_eq!(stored_id(2_147_483_648), None);
        assert_eq!(stored_id(u64::MAX), None);
    }
}
