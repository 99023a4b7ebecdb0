//! The events of orders beside the orders.

use std::collections::{BTreeMap, BTreeSet};

use super::{Link, places};
use crate::invariants::{
    Claim,
    history::{History, Order},
    rules::{Known, payments::told},
    told::Change,
    violation::{Findings, Object},
};

pub(super) fn judge(
    chains: &BTreeMap<i64, Vec<Link<'_, &Change>>>,
    history: &History,
    known: &Known<'_>,
    findings: &mut Findings,
) {
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &history.outbox {
        *waiting.entry(&event.key).or_default() += 1;
    }
    let ids: BTreeSet<i64> = chains.keys().chain(known.orders.keys()).copied().collect();
    for id in ids {
        let key = id.to_string();
        if known.is_foreign(&key) {
            continue;
        }
        let order = known.orders.get(&id).copied();
        let links = chains.get(&id).map(Vec::as_slice).unwrap_or_default();
        // What was refused as well as invented is told of once, by its dead letter.
        let is_dead = |link: &Link<'_, _>| order.is_none() && known.dead.contains(&link.record.place);
        if !links.is_empty() && links.iter().all(is_dead) {
            continue;
        }
        let waiting = waiting.get(key.as_str()).copied().unwrap_or_default();
        places(&Object::Order(id), links, order.map_or(0, |order| order.version), waiting, findings);
        if let Some(order) = order {
            contents(order, links, findings);
            steps(order, links, findings);
        }
    }
}

/// Each event carries the whole order, of which only status and version ever change.
fn contents(order: &Order, links: &[Link<'_, &Change>], findings: &mut Findings) {
    for link in links {
        let Change { kind, order: id, account, status, total, version: _, lines } = link.told;
        let objects = || [Object::Order(*id), Object::Event(link.record.id.clone().unwrap_or_default())];
        let whole = |account: &i64, total: &i64| format!("account {account}, {total} cents");
        findings.same(Claim::Contents, objects(), (whole(&order.account, &order.total), whole(account, total)));
        if *lines != order.lines {
            findings.add(Claim::Contents, objects(), told(&order.lines), told(lines));
        }
        findings.same(Claim::Contents, objects(), (meaning(kind), status));
    }
}

/// Nothing returns to PENDING, so an order that is PENDING is new.
fn meaning(kind: &str) -> &str {
    match kind {
        "order_created" => "PENDING",
        "order_paid" => "PAID",
        "order_payment_failed" => "PAYMENT_FAILED",
        "order_cancelled" => "CANCELLED",
        other => other,
    }
}

/// From event to event an order takes one of the steps that it may take, and it is where the last one led.
fn steps(order: &Order, links: &[Link<'_, &Change>], findings: &mut Findings) {
    let mut links: Vec<_> = links.iter().collect();
    links.sort_by_key(|link| link.version);
    let mut before: Option<&Link<'_, &Change>> = None;
    for link in &links {
        let (from, to) = (before.map(|before| before.told.status.as_str()), link.told.status.as_str());
        // A gap has been told of.
        let follows = before.map_or(link.version == 1, |before| link.version == before.version + 1);
        let allowed = matches!(
            (from, to),
            (None, "PENDING")
                | (Some("PENDING"), "PAID" | "PAYMENT_FAILED" | "CANCELLED")
                | (Some("PAYMENT_FAILED"), "PAID" | "CANCELLED")
        );
        if follows && !allowed {
            let objects = [Object::Order(order.id), Object::Event(link.record.id.clone().unwrap_or_default())];
            let found = format_args!("{} -> {to}", from.unwrap_or("nothing"));
            findings.add(Claim::Status, objects, "a step that an order may take", found);
        }
        before = Some(link);
    }
    if let Some(last) = links.last().filter(|last| last.version == order.version) {
        findings.same(Claim::Contents, [Object::Order(order.id)], (&order.status, &last.told.status));
    }
}
