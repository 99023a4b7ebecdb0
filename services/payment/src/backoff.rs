//! How long to wait before trying again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
/// Short enough that an order settles within seconds once a service is back.
const LONGEST: Duration = Duration::from_secs(5);

/// The wait after `attempts` failures: doubled each time up to five seconds, of which `jitter` (0 to 1) takes up to half
/// away, so that what failed together does not come back together.
#[expect(clippy::float_arithmetic, reason = "chance is no money")]
pub(crate) fn delay(attempts: u32, jitter: f64) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)));
    doubled.min(LONGEST).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_jitter_takes_up_to_half() {
        let table = [
            (0, 0.0, 100),
            (1, 0.0, 100),
            (2, 0.0, 200),
            (3, 0.0, 400),
            (6, 0.0, 3200),
            (7, 0.0, 5000),
            (u32::MAX, 0.0, 5000),
            (1, 1.0, 50),
            (7, 0.5, 3750),
            (7, 7.0, 2500),
        ];
        for (attempts, jitter, milliseconds) in table {
            assert_eq!(delay(attempts, jitter), Duration::from_millis(milliseconds), "{attempts} {jitter}");
        }
    }
}
