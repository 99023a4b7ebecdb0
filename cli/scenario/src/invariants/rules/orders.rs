//! An order for itself.

use std::collections::BTreeSet;

use super::Known;
use crate::invariants::{
    Claim,
    history::{History, Order},
    violation::{Findings, Object},
};

pub(super) fn judge(history: &History, known: &Known<'_>, findings: &mut Findings) {
    for order in &history.orders {
        total(order, findings);
        status(order, known, findings);
    }
}

fn total(order: &Order, findings: &mut Findings) {
    let object = || [Object::Order(order.id)];
    let sum: i128 = order.lines.iter().map(|line| i128::from(line.quantity) * i128::from(line.price)).sum();
    if sum != i128::from(order.total) {
        findings.add(Claim::Totals, object(), format_args!("a total of {sum}"), order.total);
    }
    let products: BTreeSet<&str> = order.lines.iter().map(|line| line.product.as_str()).collect();
    if order.lines.is_empty() || products.len() != order.lines.len() {
        let found = format_args!("{} lines of {} products", order.lines.len(), products.len());
        findings.add(Claim::Totals, object(), "at least one line, and one for each product", found);
    }
    if order.total < 0 || order.lines.iter().any(|line| line.price < 0 || line.quantity < 1) {
        findings.add(Claim::Totals, object(), "quantities from 1 on, and no price below 0", "other ones");
    }
}

/// The status that an order has because of its payments. Who cancels an order asks no payment.
fn status(order: &Order, known: &Known<'_>, findings: &mut Findings) {
    let transactions = known.transactions.get(&order.id).map(Vec::as_slice).unwrap_or_default();
    let failed = transactions.iter().filter(|transaction| transaction.status == "FAILED").count();
    let mut wrong = |expected: &str, found: String| {
        findings.add(Claim::Status, [Object::Order(order.id)], expected, found);
    };
    match order.status.as_str() {
        "PENDING" if failed > 0 => wrong("PAYMENT_FAILED, since a payment failed", "PENDING".to_owned()),
        "PAYMENT_FAILED" if failed == 0 => wrong("a FAILED transaction", "PAYMENT_FAILED without one".to_owned()),
        // What PAID and CANCELLED need is told by the payments.
        "PENDING" | "PAYMENT_FAILED" | "PAID" | "CANCELLED" => {}
        other => wrong("PENDING, PAID, PAYMENT_FAILED or CANCELLED", other.to_owned()),
    }
}
