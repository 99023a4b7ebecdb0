//! What was taken is what was sold.

use std::collections::{BTreeMap, BTreeSet};

use super::Known;
use crate::invariants::{
    Claim,
    history::{History, Line, Order, Refund, Transaction, Webhook},
    violation::{Findings, Object},
};

pub(super) fn judge(history: &History, known: &Known<'_>, findings: &mut Findings) {
    let payment = &history.payment;
    let refunds: BTreeMap<&str, &Refund> =
        payment.refunds.iter().map(|refund| (refund.transaction.as_str(), refund)).collect();
    let mut webhooks: BTreeMap<&str, Vec<&Webhook>> = BTreeMap::new();
    for webhook in &payment.webhooks {
        webhooks.entry(&webhook.transaction).or_default().push(webhook);
    }
    for transaction in &payment.transactions {
        let order = known.orders.get(&transaction.order).copied();
        charged(transaction, order, findings);
        paid(transaction, order, findings);
        returned(transaction, order, refunds.get(transaction.id.as_str()).copied(), findings);
        decided(transaction, webhooks.get(transaction.id.as_str()).map(Vec::as_slice).unwrap_or_default(), findings);
    }
    let transactions: BTreeSet<&str> = payment.transactions.iter().map(|transaction| transaction.id.as_str()).collect();
    for refund in payment.refunds.iter().filter(|refund| !transactions.contains(refund.transaction.as_str())) {
        let object = Object::Transaction(refund.transaction.clone());
        findings.add(Claim::Returned, [object], "a transaction for each refund", "there is none");
    }
    for order in &history.orders {
        sold(order, known, findings);
    }
    cancelled(history, known, findings);
}

fn objects(transaction: &Transaction) -> [Object; 2] {
    [Object::Order(transaction.order), Object::Transaction(transaction.id.clone())]
}

fn charged(transaction: &Transaction, order: Option<&Order>, findings: &mut Findings) {
    let Some(order) = order else {
        findings.add(Claim::Charged, objects(transaction), "the order that it is over", "there is no such order");
        return;
    };
    findings.same(Claim::Charged, objects(transaction), (cents(order.total), cents(transaction.amount)));
    let account = |id: i64| format!("account {id}");
    findings.same(Claim::Charged, objects(transaction), (account(order.account), account(transaction.account)));
    if let Some(lines) = &transaction.lines
        && sorted(lines) != sorted(&order.lines)
    {
        let (expected, found) = (told(&order.lines), told(lines));
        findings.add(Claim::Charged, objects(transaction), expected, found);
    }
}

/// SUCCESS needs PAID; that nothing else goes with PAID is asked of the order.
fn paid(transaction: &Transaction, order: Option<&Order>, findings: &mut Findings) {
    match transaction.status.as_str() {
        "SUCCESS" => {
            let status = order.map_or("no order", |order| order.status.as_str());
            findings.same(Claim::Paid, objects(transaction), ("PAID", status));
        }
        "PENDING" | "FAILED" | "VOIDED" | "REFUNDED" => {}
        other => {
            findings.add(Claim::Paid, objects(transaction), "PENDING, SUCCESS, FAILED, VOIDED or REFUNDED", other);
        }
    }
    if !transaction.settled && transaction.status != "PENDING" {
        let found = format_args!("{}, and it is not known that order was told", transaction.status);
        findings.add(Claim::Settled, objects(transaction), "order has heard how the payment ended", found);
    }
}

fn returned(transaction: &Transaction, order: Option<&Order>, refund: Option<&Refund>, findings: &mut Findings) {
    let status = transaction.status.as_str();
    let cancelled = order.is_some_and(|order| order.status == "CANCELLED");
    match (status, cancelled) {
        ("REFUNDED" | "VOIDED", false) => {
            let found = format_args!("{status}, the order is {}", order.map_or("not there", |order| &order.status));
            findings.add(Claim::Returned, objects(transaction), "a CANCELLED order", found);
        }
        ("PENDING", true) => {
            findings.add(Claim::Returned, objects(transaction), "VOIDED, since the order is CANCELLED", status);
        }
        _ => {}
    }
    let expected = (status == "REFUNDED").then_some(transaction.amount);
    let found = refund.map(|refund| refund.amount);
    if expected != found {
        let words =
            |amount: Option<i64>| amount.map_or("nothing given back".to_owned(), |sum| format!("{sum} given back"));
        findings.add(Claim::Returned, objects(transaction), words(expected), words(found));
    }
}

/// One webhook has moved the transaction if the provider has said anything that counts, else none: what comes late or
/// again moves nothing, and a refund by the teller is no webhook's work.
fn decided(transaction: &Transaction, webhooks: &[&Webhook], findings: &mut Findings) {
    let moved: Vec<&&Webhook> = webhooks.iter().filter(|webhook| webhook.before != webhook.after).collect();
    let expected = match transaction.status.as_str() {
        "SUCCESS" | "REFUNDED" => Some("SUCCESS"),
        "FAILED" => Some("FAILED"),
        "PENDING" | "VOIDED" => None,
        _ => return,
    };
    let found: Vec<&str> = moved.iter().map(|webhook| webhook.outcome.as_str()).collect();
    if found != expected.into_iter().collect::<Vec<_>>() {
        let words = |outcomes: &[&str]| match outcomes {
            [] => "moved by no webhook".to_owned(),
            some => format!("moved by {}", some.join(" and ")),
        };
        let status = &transaction.status;
        let (expected, found) = (words(expected.as_slice()), words(&found));
        let (expected, found) = (format_args!("{status}, {expected}"), format_args!("{status}, {found}"));
        findings.add(Claim::Decided, objects(transaction), expected, found);
    }
    if transaction.status == "PENDING" && !webhooks.is_empty() {
        findings.add(Claim::Decided, objects(transaction), "what its webhook told", "PENDING");
    }
}

/// What was taken for an order, asked of the order.
fn sold(order: &Order, known: &Known<'_>, findings: &mut Findings) {
    let transactions = known.transactions.get(&order.id).map(Vec::as_slice).unwrap_or_default();
    let taken: Vec<&&Transaction> = transactions.iter().filter(|one| one.status == "SUCCESS").collect();
    let objects = || {
        let transactions = taken.iter().map(|transaction| Object::Transaction(transaction.id.clone()));
        [Object::Order(order.id)].into_iter().chain(transactions)
    };
    if taken.len() > 1 {
        let found = format_args!("{} SUCCESS transactions", taken.len());
        findings.add(Claim::ChargedOnce, objects(), "one SUCCESS transaction at most", found);
    }
    if taken.is_empty() && order.status == "PAID" {
        findings.add(Claim::Paid, objects(), "a SUCCESS transaction", "PAID without one");
    }
    let open = transactions.iter().filter(|one| one.status == "PENDING").count();
    if open > 0 && order.status == "PAID" || open > 1 {
        let found = format_args!("{}, and {open} open transactions", order.status);
        findings.add(Claim::ChargedOnce, objects(), "nothing that could still be paid", found);
    }
}

/// Payment has heard which orders are cancelled.
fn cancelled(history: &History, known: &Known<'_>, findings: &mut Findings) {
    let heard = &history.payment.cancelled;
    for order in history.orders.iter().filter(|order| order.status == "CANCELLED" && !heard.contains(&order.id)) {
        let found = "payment has not heard of it";
        findings.add(Claim::Returned, [Object::Order(order.id)], "a cancellation that payment knows", found);
    }
    for id in heard {
        let status = known.orders.get(id).map_or("no order", |order| order.status.as_str());
        if status != "CANCELLED" {
            let found = format_args!("{status}, and payment holds it for cancelled");
            findings.add(Claim::Returned, [Object::Order(*id)], "CANCELLED", found);
        }
    }
}

fn cents(amount: i64) -> String {
    format!("{amount} cents")
}

fn sorted(lines: &[Line]) -> Vec<&Line> {
    let mut lines: Vec<&Line> = lines.iter().collect();
    lines.sort_unstable();
    lines
}

/// Lines in words.
pub(super) fn told(lines: &[Line]) -> String {
    let line = |line: &Line| format!("{} of {} at {}", line.quantity, line.product, line.price);
    lines.iter().map(line).collect::<Vec<_>>().join(", ")
}
