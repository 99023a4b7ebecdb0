//! What should be empty once nothing happens any more.

use crate::invariants::{
    Claim,
    history::{History, Worker},
    violation::{Findings, Object},
};

/// Seconds after the last state change in which everything is published.
const QUIET: f64 = 5.0;

pub(super) fn judge(history: &History, findings: &mut Findings) {
    // While changes go on there is no quiet in which it could be empty.
    let newest = history.outbox.iter().map(|event| event.age).fold(f64::INFINITY, f64::min);
    for event in history.outbox.iter().filter(|_| newest > QUIET) {
        let order = event.key.parse().map(Object::Order).ok();
        let objects = [Some(Object::Event(event.id.to_string())), order].into_iter().flatten();
        let found = format_args!("{} waits in the outbox", event.kind);
        findings.add(Claim::Outbox, objects, "it is published", found);
    }
    for owed in &history.payment.owed {
        let expected = match owed.to {
            Worker::Teller => "order was told how the payment ended",
            Worker::Provider => "the provider's webhook was answered",
        };
        let error = owed.error.as_deref().unwrap_or("no answer yet");
        let found = format_args!("still to be done: {error}");
        findings.add(Claim::Settled, [Object::Transaction(owed.transaction.clone())], expected, found);
    }
}
