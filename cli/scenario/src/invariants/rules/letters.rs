//! Dead letters.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Known;
use crate::invariants::{
    Claim,
    history::{History, Letter},
    violation::{Findings, Object},
};

pub(super) fn judge(history: &History, known: &Known<'_>, findings: &mut Findings) {
    let inbox = |group: &str| match group {
        "recommender" => Some(&history.recommender.inbox),
        "payment" => Some(&history.payment.inbox),
        _ => None,
    };
    for letter in &history.letters {
        // The topic keeps a letter also when its event was sent again and taken in.
        let settled = |inbox: &BTreeSet<Uuid>| {
            letter.id.as_deref().and_then(|id| Uuid::parse_str(id).ok()).is_some_and(|id| inbox.contains(&id))
        };
        let applied = letter.group.as_deref().and_then(inbox).is_some_and(settled);
        if !applied && !known.is_expected(letter) {
            let group = letter.group.as_deref().unwrap_or("somebody");
            let error = letter.error.as_deref().unwrap_or("it does not say why");
            let found = format_args!("refused by {group}: {error}");
            findings.add(Claim::DeadLetters, [Object::Letter(named(letter))], "no dead letter", found);
        }
    }
}

fn named(letter: &Letter) -> String {
    match (&letter.origin, &letter.key) {
        (Some(place), _) => place.to_string(),
        (None, Some(key)) => format!("{} with key {key}", letter.topic.name()),
        (None, None) => format!("{} without a key", letter.topic.name()),
    }
}

impl Known<'_> {
    fn is_expected(&self, letter: &Letter) -> bool {
        let key = letter.key.as_deref().unwrap_or_default();
        self.expected.letters.contains(key) || self.is_foreign(key)
    }
}
