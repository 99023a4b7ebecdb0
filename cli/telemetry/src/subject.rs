//! What a span is about: the attributes that traces are found by.

/// What traces are looked for by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// `shop.order.id`
    Order(i64),
    /// `shop.account.id`
    Account(i64),
    /// `shop.product.id`
    Product(String),
    /// `service.name`
    Resource(String),
}
