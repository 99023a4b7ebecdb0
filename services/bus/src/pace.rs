use std::time::Duration;

use tokio::time::Instant;

/// How long a busy lane lets records gather, and a busy relay events: a transaction or a request for each of them costs
/// several times as much as what it does.
const GATHER: Duration = Duration::from_millis(20);
/// How long it counts as busy after several came at once.
const BUSY: Duration = Duration::from_millis(50);

/// Whether records or events come faster than they are dealt with, and should be let gather. One that comes alone, or after
/// the last was dealt with, is never kept waiting.
#[derive(Default)]
pub(crate) struct Pace {
    several: Option<Instant>,
}

impl Pace {
    /// How long to wait for more than those that are there.
    pub(crate) fn patience(&self, now: Instant) -> Option<Duration> {
        let since = now.saturating_duration_since(self.several?);
        (since < BUSY).then_some(GATHER)
    }

    /// So many go together.
    pub(crate) fn took(&mut self, together: usize, now: Instant) {
        self.several = (together > 1).then_some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_gather_only_while_several_come_at_a_time() {
        let (begun, mut pace) = (Instant::now(), Pace::default());
        assert_eq!(pace.patience(begun), None, "the first of all");
        pace.took(1, begun);
        assert_eq!(pace.patience(begun), None, "one after the other");
        pace.took(2, begun);
        assert_eq!(pace.patience(begun + BUSY / 2), Some(GATHER), "the next of many");
        assert_eq!(pace.patience(begun + BUSY), None, "the first for a while");
        pace.took(1, begun + BUSY);
        assert_eq!(pace.patience(begun + BUSY), None, "nothing gathered any more");
    }
}
