use std::{collections::BTreeMap, time::Duration};

use super::violation::Violation;

/// While a shop is busy its databases and topics differ for moments: what differs for so long differs for good.
pub const LASTING: Duration = Duration::from_secs(5);

/// Tells what lasts from what passes.
#[derive(Debug, Default)]
pub struct Lasting {
    /// When each was seen first, of those that were seen at the last look; and whether it was told.
    seen: BTreeMap<Violation, (Duration, bool)>,
}

impl Lasting {
    /// Takes in what a look at `now` (since any fixed moment) found; answers with what counts from now on.
    pub fn look(&mut self, now: Duration, found: Vec<Violation>) -> Vec<Violation> {
        let before = std::mem::take(&mut self.seen);
        let mut counts = Vec::new();
        for violation in found {
            let (since, mut told) = before.get(&violation).copied().unwrap_or((now, false));
            if !told && now.saturating_sub(since) >= LASTING {
                counts.push(violation.clone());
                told = true;
            }
            self.seen.insert(violation, (since, told));
        }
        counts
    }

    /// Nobody could look: what is found next may be new.
    pub fn missed(&mut self) {
        self.seen.retain(|_, (_, told)| *told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::{Claim, violation::Object};

    fn violation(order: i64) -> Violation {
        let (expected, found, next) = ("PAID".to_owned(), "PENDING".to_owned(), String::new());
        Violation { claim: Claim::Paid, objects: vec![Object::Order(order)], expected, found, next }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_difference_counts_once_when_it_has_lasted_five_seconds() {
        let mut lasting = Lasting::default();
        assert_eq!(lasting.look(at(0), vec![violation(1)]), []);
        assert_eq!(lasting.look(at(4), vec![violation(1), violation(2)]), []);
        assert_eq!(lasting.look(at(5), vec![violation(1), violation(2)]), [violation(1)]);
        assert_eq!(lasting.look(at(9), vec![violation(1), violation(2)]), [violation(2)]);
        assert_eq!(lasting.look(at(20), vec![violation(1), violation(2)]), []);
    }

    #[test]
    fn a_difference_that_passed_begins_anew() {
        let mut lasting = Lasting::default();
        lasting.look(at(0), vec![violation(1)]);
        lasting.look(at(3), vec![]);
        assert_eq!(lasting.look(at(6), vec![violation(1)]), []);
        assert_eq!(lasting.look(at(11), vec![violation(1)]), [violation(1)]);
    }

    #[test]
    fn a_time_in_which_nobody_looked_does_not_count() {
        let mut lasting = Lasting::default();
        lasting.look(at(0), vec![violation(1)]);
        lasting.missed();
        assert_eq!(lasting.look(at(6), vec![violation(1)]), []);
    }
}
