//! What the rest of the shop hears of an order: each event carries the whole order as of its version.

use bus::Event;
use serde::Serialize;
use time::OffsetDateTime;

use crate::domain::{Order, Status};

/// The topic of all orders' events, keyed by order id.
pub(crate) const TOPIC: &str = "order_events";

const SOURCE: &str = "order";

#[derive(Serialize)]
struct Data<'a> {
    order_id: i64,
    account_id: i64,
    total_price: f64,
    total_cents: i64,
    status: &'static str,
    version: i64,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    products: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    product_id: &'a str,
    quantity: u32,
    price_cents: i64,
}

/// The event that tells of `order` having reached its status.
pub(crate) fn changed(order: &Order) -> Result<Event, serde_json::Error> {
    let products = order.lines.iter().map(|line| Line {
        product_id: &line.product_id,
        quantity: line.quantity,
        price_cents: line.price.get(),
    });
    let data = Data {
        order_id: order.id,
        account_id: order.account_id,
        total_price: order.total.to_wire(),
        total_cents: order.total.get(),
        status: order.status.word(),
        version: order.version,
        created_at: order.created_at,
        products: products.collect(),
    };
    Event::new(TOPIC, SOURCE, order.id, kind(order.status), &data)
}

/// Nothing returns to `PENDING`, so that status means a new order.
const fn kind(status: Status) -> &'static str {
    match status {
        Status::Pending => "order_created",
        Status::Paid => "order_paid",
        Status::PaymentFailed => "order_payment_failed",
        Status::Cancelled => "order_cancelled",
    }
}
