//! Orders as messages.

use proto::pb;
use time::format_description::well_known::Rfc3339;

use crate::domain::Order;

pub(super) fn order(order: Order) -> pb::Order {
    let products = order.lines.into_iter().map(|line| pb::OrderProduct {
        product_id: line.product_id,
        quantity: line.quantity,
        price_cents: line.price.get(),
    });
    pb::Order {
        id: order.id.unsigned_abs(),
        account_id: order.account_id.unsigned_abs(),
        total_price: order.total.to_wire(),
        status: order.status.word().to_owned(),
        products: products.collect(),
        total_cents: order.total.get(),
        version: order.version.unsigned_abs(),
        // Fails only for years beyond 9999.
        created_at: order.created_at.format(&Rfc3339).unwrap_or_default(),
    }
}
