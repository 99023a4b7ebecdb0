//! What recommender learns from: who ordered what.

use std::collections::{BTreeMap, BTreeSet};

use super::Known;
use crate::invariants::{
    Claim,
    history::{History, Interactions},
    violation::{Findings, Object},
};

/// Baskets of another shop have no orders here, and are apart.
pub(super) fn judge(history: &History, known: &Known<'_>, findings: &mut Findings) {
    let learned: BTreeMap<i64, &Interactions> =
        history.recommender.orders.iter().map(|order| (order.order, order)).collect();
    let ids: BTreeSet<i64> = known.orders.keys().chain(learned.keys()).copied().collect();
    for id in ids.into_iter().filter(|id| !known.is_foreign(&id.to_string())) {
        let expected = known.orders.get(&id).map(|order| {
            let lines = order.lines.iter().map(|line| (line.product.as_str(), line.quantity));
            words(order.account, order.version, order.status == "CANCELLED", lines)
        });
        let found = learned.get(&id).map(|order| {
            let lines = order.lines.iter().map(|(product, quantity)| (product.as_str(), *quantity));
            words(order.account, order.version, order.cancelled, lines)
        });
        if expected != found {
            let words = |order: Option<String>| order.unwrap_or_else(|| "no such order".to_owned());
            findings.add(Claim::Interactions, [Object::Order(id)], words(expected), words(found));
        }
    }
}

fn words<'a>(account: i64, version: i64, cancelled: bool, lines: impl Iterator<Item = (&'a str, i64)>) -> String {
    let lines: BTreeMap<&str, i64> = lines.collect();
    let lines: Vec<String> = lines.iter().map(|(product, quantity)| format!("{quantity} of {product}")).collect();
    let cancelled = if cancelled { ", cancelled" } else { "" };
    format!("account {account} with {}, version {version}{cancelled}", lines.join(", "))
}
