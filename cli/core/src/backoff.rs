//! How long to wait before the next try.

use std::time::Duration;

/// Delay before restart number `failures` (from 1): 0.5 s doubling to 30 s, minus up to a quarter by `jitter` (0 to 1).
#[must_use]
pub fn restart(failures: u32, jitter: f64) -> Duration {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(30);
    let doublings = failures.saturating_sub(1).min(16);
    FIRST.saturating_mul(1 << doublings).min(LONGEST).mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0))
}

/// Delay before probe number `probes` (from 0): none, then from 5 ms by a quarter more each time up to 500 ms, so that
/// nobody waits for a probe much longer than a quarter of what it took to get ready.
#[must_use]
pub fn probe(probes: u32) -> Duration {
    const FIRST: f64 = 0.005;
    const LONGEST: f64 = 0.500;
    match probes {
        0 => Duration::ZERO,
        n => Duration::from_secs_f64((FIRST * 1.25_f64.powi((n - 1).min(30).cast_signed())).min(LONGEST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_wait_longer_each_time_up_to_half_a_minute() {
        for (failures, jitter, milliseconds) in
            [(1, 0.0, 500), (1, 1.0, 375), (2, 0.0, 1000), (3, 0.5, 1750), (7, 0.0, 30_000), (u32::MAX, 0.0, 30_000)]
        {
            assert_eq!(restart(failures, jitter), Duration::from_millis(milliseconds), "{failures} {jitter}");
        }
    }

    #[test]
    fn the_first_probe_comes_at_once_and_none_waits_longer_than_half_a_second() {
        for (probes, microseconds) in [(0, 0), (1, 5_000), (2, 6_250), (22, 500_000), (u32::MAX, 500_000)] {
            assert_eq!(probe(probes), Duration::from_micros(microseconds), "{probes}");
        }
    }
}
