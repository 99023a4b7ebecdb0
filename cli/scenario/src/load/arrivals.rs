use std::time::Duration;

use serde::Serialize;

/// When checkouts begin.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// At a rate, one stage after the other.
    Open(Vec<Stage>),
    /// When another one has ended.
    Closed { in_flight: usize, time: Duration },
}

/// A time in which the rate changes evenly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stage {
    pub time: Duration,
    /// Checkouts a second at its beginning and at its end.
    pub from: f64,
    pub to: f64,
}

impl Arrivals {
    pub fn time(&self) -> Duration {
        match self {
            Self::Open(stages) => stages.iter().map(|stage| stage.time).sum(),
            Self::Closed { time, .. } => *time,
        }
    }
}

impl Stage {
    /// Stages by their ends: each goes on from the rate at which the one before it ends, the first from 0.
    pub fn ramps(ends: &[(Duration, f64)]) -> Vec<Self> {
        let mut from = 0.0;
        let ramp = |&(time, to): &(Duration, f64)| Self { time, from: std::mem::replace(&mut from, to), to };
        ends.iter().map(ramp).collect()
    }

    /// How many checkouts begin in it.
    fn count(&self) -> f64 {
        self.from.midpoint(self.to) * self.time.as_secs_f64()
    }

    /// When the `nth` (not necessarily whole) of them begins.
    fn at(&self, nth: f64) -> Duration {
        let time = self.time.as_secs_f64();
        // from * t + slope / 2 * t^2 = nth
        let slope = (self.to - self.from) / time;
        let root = (self.from * self.from + 2.0 * slope * nth).max(0.0).sqrt();
        // This form of the solution has no difference of numbers that are nearly equal.
        let at = if nth <= 0.0 { 0.0 } else { 2.0 * nth / (self.from + root) };
        Duration::from_secs_f64(at.clamp(0.0, time))
    }
}

/// When each checkout of an open model should begin, counted from the start of the load.
pub(super) fn intended(stages: &[Stage]) -> impl Iterator<Item = Duration> {
    let (mut stages, mut began, mut before) = (stages.to_vec().into_iter().peekable(), Duration::ZERO, 0.0);
    let mut next = 0.0;
    std::iter::from_fn(move || {
        loop {
            let stage = stages.peek()?;
            let nth = next - before;
            if nth < stage.count() {
                next += 1.0;
                return Some(began + stage.at(nth));
            }
            began += stage.time;
            before += stage.count();
            stages.next();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_steady_rate_begins_at_once_and_evenly() {
        let stage = Stage { time: seconds(2.0), from: 5.0, to: 5.0 };
        let starts: Vec<f64> = intended(&[stage]).map(|at| at.as_secs_f64()).collect();
        assert_eq!(starts.len(), 10);
        for (nth, start) in (0_u32..).zip(&starts) {
            assert!((start - f64::from(nth) * 0.2).abs() < 1e-9, "{starts:?}");
        }
    }

    #[test]
    fn a_ramp_gets_denser_and_the_stages_join() {
        let stages = Stage::ramps(&[(seconds(4.0), 100.0), (seconds(2.0), 100.0), (seconds(2.0), 0.0)]);
        let starts: Vec<f64> = intended(&stages).map(|at| at.as_secs_f64()).collect();
        assert_eq!(starts.len(), 200 + 200 + 100);
        assert!(starts.is_sorted());
        let between = |from: f64, to: f64| starts.iter().filter(|at| (from..to).contains(*at)).count();
        assert!((48..=52).contains(&between(0.0, 2.0)), "{}", between(0.0, 2.0));
        assert!((148..=152).contains(&between(2.0, 4.0)), "{}", between(2.0, 4.0));
        assert!((198..=202).contains(&between(4.0, 6.0)), "{}", between(4.0, 6.0));
        assert!((73..=77).contains(&between(6.0, 7.0)), "{}", between(6.0, 7.0));
    }

    #[test]
    fn a_stage_without_any_rate_begins_nothing() {
        let stages = Stage::ramps(&[(seconds(3.0), 0.0), (seconds(1.0), 2.0)]);
        let starts: Vec<Duration> = intended(&stages).collect();
        assert_eq!(starts, [seconds(3.0)]);
    }
}
