//! The rules: what must hold in a history, and what of it does not. No I/O, no clock.

mod chains;
mod drained;
mod interactions;
mod letters;
mod money;
mod orders;
mod payments;
mod replicas;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Expected,
    history::{History, Order, Place, Transaction},
    violation::Findings,
};
use chains::Chains;

/// Judges a history of a shop that is quiet.
pub fn judge(history: &History, expected: &Expected) -> Findings {
    let known = Known::of(history, expected);
    let mut findings = Findings::default();
    orders::judge(history, &known, &mut findings);
    payments::judge(history, &known, &mut findings);
    known.chains.judge(history, &known, &mut findings);
    replicas::judge(history, &known, &mut findings);
    interactions::judge(history, &known, &mut findings);
    letters::judge(history, &known, &mut findings);
    drained::judge(history, &mut findings);
    money::judge(history, &mut findings);
    findings
}

/// The history, looked up by what it is about.
struct Known<'a> {
    expected: &'a Expected,
    orders: BTreeMap<i64, &'a Order>,
    /// By order.
    transactions: BTreeMap<i64, Vec<&'a Transaction>>,
    chains: Chains<'a>,
    /// Records of which there is a dead letter.
    dead: BTreeSet<Place>,
}

impl<'a> Known<'a> {
    fn of(history: &'a History, expected: &'a Expected) -> Self {
        let mut transactions: BTreeMap<i64, Vec<&Transaction>> = BTreeMap::new();
        for transaction in &history.payment.transactions {
            transactions.entry(transaction.order).or_default().push(transaction);
        }
        Self {
            expected,
            orders: history.orders.iter().map(|order| (order.id, order)).collect(),
            transactions,
            chains: Chains::of(history),
            dead: history.letters.iter().filter_map(|letter| letter.origin).collect(),
        }
    }

    /// Whether somebody other than the shop writes events of this key, so that nothing follows from them.
    fn is_foreign(&self, key: &str) -> bool {
        self.expected.foreign.contains(key)
    }
}
