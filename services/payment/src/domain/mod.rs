//! What payment decides, free of transport and database: states of a transaction, what of an order can be paid.

mod order;
mod transaction;

pub(crate) use order::{Line, Order, OrderStatus, same_basket};
pub(crate) use transaction::{Outcome, Status, TransactionId, UnknownWord};
