//! Which traces to keep when more spans come than can be stored.
//!
//! By the trace's id, so that what is kept is whole, also where several services send its spans; and steadily, since a
//! share that changes with every batch would keep no trace whole.

use std::time::{Duration, Instant};

use crate::span::TraceId;

/// Spans that may wait to be written.
pub(crate) const ROOM: u64 = 32_768;
/// Between two steps down: what was let go needs a moment to show.
const HASTE: Duration = Duration::from_millis(100);
/// How long there has to be room until more is kept.
const CALM: Duration = Duration::from_secs(3);
const LOWEST: u32 = 16;

/// Keeps one trace in 2^`level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    level: u32,
}

impl Share {
    pub(crate) fn keeps(self, trace: TraceId) -> bool {
        // Those who sample before us go by the id itself: mixed, ours is another choice among what they have left.
        self.level == 0 || mixed(trace) >> (64 - self.level) == 0
    }

    /// Of how many traces one is kept.
    pub(crate) fn of(self) -> u64 {
        1 << self.level
    }
}

/// The finaliser of splitmix64.
fn mixed(TraceId(bytes): TraceId) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = bytes;
    let mut mixed = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[derive(Debug)]
pub(crate) struct Shed {
    level: u32,
    /// When the level changed, or there was too little room for another change.
    since: Instant,
}

impl Shed {
    pub(crate) fn new(now: Instant) -> Self {
        Self { level: 0, since: now }
    }

    /// What to keep while this many spans wait.
    pub(crate) fn share(&mut self, waiting: u64, now: Instant) -> Share {
        let passed = now.duration_since(self.since);
        if waiting > ROOM / 4 * 3 {
            if self.level == 0 || passed >= HASTE {
                self.level = LOWEST.min(self.level + 1);
                self.since = now;
            }
        } else if waiting > ROOM / 4 {
            self.since = now;
        } else if self.level > 0 && passed >= CALM {
            self.level -= 1;
            self.since = now;
        }
        Share { level: self.level }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(number: u64) -> TraceId {
        let mut id = [7; 16];
        id[8..].copy_from_slice(&number.to_be_bytes());
        TraceId(id)
    }

    #[test]
    fn the_fuller_the_queue_stays_the_smaller_the_share_and_calm_brings_all_of_it_back() {
        let begin = Instant::now();
        let mut shed = Shed::new(begin);
        let mut share = |waiting, millis| shed.share(waiting, begin + Duration::from_millis(millis)).of();
        assert_eq!(share(ROOM / 2, 0), 1);
        assert_eq!(share(ROOM, 10), 2);
        assert_eq!(share(ROOM, 20), 2, "it waits to see what that brings");
        assert_eq!(share(ROOM, 120), 4);
        assert_eq!(share(ROOM / 2, 2000), 4);
        assert_eq!(share(0, 4000), 4, "it was not calm for long enough");
        assert_eq!((share(0, 5100), share(0, 8200), share(0, 60_000)), (2, 1, 1));
    }

    #[test]
    fn a_smaller_share_keeps_some_of_what_a_larger_one_keeps() {
        let kept = |level| (0..100_000).filter(move |&number| Share { level }.keeps(trace(number))).collect::<Vec<_>>();
        let (all, half, eighth) = (kept(0), kept(1), kept(3));
        assert_eq!(all.len(), 100_000);
        assert!((48_000..52_000).contains(&half.len()), "{}", half.len());
        assert!((11_500..13_500).contains(&eighth.len()), "{}", eighth.len());
        assert!(eighth.iter().all(|number| half.binary_search(number).is_ok()));
    }
}
