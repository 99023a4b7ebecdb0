//! What goes wrong thousands of times a second is told every few seconds.

use std::time::{Duration, Instant};

/// Between two lines about the same thing.
const PERIOD: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct Seldom {
    /// When it was told last.
    told: Option<Instant>,
}

impl Seldom {
    /// Whether it is time to tell it again.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let due = self.told.is_none_or(|told| now.duration_since(told) >= PERIOD);
        if due {
            self.told = Some(now);
        }
        due
    }
}
