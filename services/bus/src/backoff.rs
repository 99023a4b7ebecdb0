use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// How long to wait after the `failures`th failure in a row: twice as long each time, up to 2 s.
pub(crate) fn after(failures: u32) -> Duration {
    FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_two_seconds() {
        let waits: Vec<_> = [0, 1, 2, 3, 6, 7, 40, u32::MAX].map(after).iter().map(Duration::as_millis).collect();
        assert_eq!(waits, [100, 100, 200, 400, 2000, 2000, 2000, 2000]);
    }
}
