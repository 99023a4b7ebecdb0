use std::{fmt, str::FromStr, time::Duration};

use super::{Report, Step};

/// What a load has to keep, such as `p99<25ms`, `order.p99<=25ms`, `failed<0.1%` or `rate>190/s`.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    metric: Metric,
    than: Than,
    /// Seconds, a part of one, or a number a second.
    limit: f64,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Metric {
    /// Of the times of a step.
    Percentile(Step, f64),
    Mean(Step),
    Longest(Step),
    /// The part of the checkouts that failed.
    Failed,
    /// Checkouts a second that came to their end.
    Rate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Than {
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Threshold {
    /// What was measured, in words, and whether that is within the limit. Times of a step that never ended well are within none.
    pub fn judge(&self, report: &Report) -> (String, bool) {
        let value = match self.metric {
            Metric::Percentile(step, percent) => report.times(step).map(|times| times.percentile(percent)),
            Metric::Mean(step) => report.times(step).map(|times| times.mean),
            Metric::Longest(step) => report.times(step).map(|times| times.max),
            Metric::Failed => Some(report.failed_part()),
            Metric::Rate => Some(report.rate),
        };
        let Some(value) = value else { return ("nothing was measured".to_owned(), false) };
        let held = match self.than {
            Than::Less => value < self.limit,
            Than::AtMost => value <= self.limit,
            Than::More => value > self.limit,
            Than::AtLeast => value >= self.limit,
        };
        let text = match self.metric {
            Metric::Percentile(..) | Metric::Mean(_) | Metric::Longest(_) => format!("{:.1} ms", value * 1000.0),
            Metric::Failed => format!("{:.2} %", value * 100.0),
            Metric::Rate => format!("{value:.1}/s"),
        };
        (text, held)
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected such as p99<25ms, order.p95<=10ms, max<1s, failed<0.1% or rate>190/s";
        let at = text.find(['<', '>']).ok_or(expected)?;
        let (name, rest) = text.split_at(at);
        let (than, limit) = match (&rest[..1], rest[1..].strip_prefix('=')) {
            ("<", Some(limit)) => (Than::AtMost, limit),
            ("<", None) => (Than::Less, &rest[1..]),
            (_, Some(limit)) => (Than::AtLeast, limit),
            (_, None) => (Than::More, &rest[1..]),
        };
        let (name, limit) = (name.trim(), limit.trim());
        let (step, measure) = match name.split_once('.') {
            // p99.9 has a point, too.
            Some((step, measure)) if !step.starts_with('p') || step.parse::<Step>().is_ok() => (step.parse()?, measure),
            Some(_) | None => (Step::Whole, name),
        };
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        let metric = match measure {
            "failed" if step == Step::Whole => Metric::Failed,
            "rate" if step == Step::Whole => Metric::Rate,
            "max" => Metric::Longest(step),
            "mean" | "avg" => Metric::Mean(step),
            "med" => Metric::Percentile(step, 50.0),
            other => {
                let digits = other.strip_prefix('p').map(|rest| rest.trim_start_matches('(').trim_end_matches(')'));
                let percent = digits.and_then(number).filter(|percent| *percent <= 100.0);
                Metric::Percentile(step, percent.ok_or(expected)?)
            }
        };
        let limit = match metric {
            Metric::Failed => match limit.strip_suffix('%') {
                Some(percent) => number(percent).map(|percent| percent / 100.0),
                None => number(limit),
            },
            Metric::Rate => number(limit.strip_suffix("/s").unwrap_or(limit)),
            Metric::Percentile(..) | Metric::Mean(_) | Metric::Longest(_) => time(limit).map(|time| time.as_secs_f64()),
        };
        Ok(Self { metric, than, limit: limit.ok_or(expected)?, text: text.to_owned() })
    }
}

/// A number with `us`, `ms`, `s` or `m` behind it; k6's own numbers are milliseconds.
fn time(text: &str) -> Option<Duration> {
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("", 1e-3)];
    let (number, unit) = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))?;
    Duration::try_from_secs_f64(number.trim().parse::<f64>().ok()? * unit).ok()
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::load::{Arrivals, Plan, tally::Tally};

    /// Two checkouts that were paid within 20 and 40 ms, and two that failed, in two seconds.
    fn report(thresholds: &[&str]) -> Report {
        let plan = Plan {
            arrivals: Arrivals::Closed { in_flight: 1, time: Duration::from_secs(2) },
            accounts: 1,
            seed: 7,
            orders: "orders.csv".into(),
            patience: Duration::from_secs(1),
            thresholds: thresholds.iter().map(|text| text.parse().expect("a threshold")).collect(),
        };
        let mut tally = Tally::new(Instant::now());
        (0..4).for_each(|_| tally.start(Duration::ZERO));
        for time in [20, 40] {
            tally.time(Step::Pay, Duration::from_millis(time / 10));
            tally.time(Step::Whole, Duration::from_millis(time));
        }
        (0..2).for_each(|_| tally.fail("away".to_owned()));
        Report::new(&plan, tally, Duration::from_secs(2), 0.5)
    }

    #[test]
    fn a_threshold_is_kept_or_missed_by_what_was_measured() {
        let kept = ["p50<21ms", "p99.9<=41ms", "mean>29ms", "max>=40ms", "pay.p99<5ms", "failed<=50%", "rate>=1/s"];
        let missed = ["p50<19ms", "p99.9<40ms", "mean<29ms", "max<=39ms", "pay.p99<3ms", "failed<50%", "rate>1/s"];
        let verdicts = report(&[kept, missed].concat()).thresholds;
        for (verdict, held) in verdicts.iter().zip([[true; 7], [false; 7]].concat()) {
            assert_eq!(verdict.held, held, "{verdict:?}");
        }
        // Nobody has opened a page: nothing can be said of it.
        let nothing = report(&["page.p50<1m"]);
        let missed: Vec<&str> = nothing.missed().map(|verdict| verdict.measured.as_str()).collect();
        assert_eq!(missed, ["nothing was measured"]);
    }

    #[test]
    fn what_k6_and_people_write_is_understood() {
        let read = |text: &str| text.parse::<Threshold>().unwrap_or_else(|error| panic!("{text}: {error}"));
        for (text, metric, than, limit) in [
            ("p99<25ms", Metric::Percentile(Step::Whole, 99.0), Than::Less, 0.025),
            ("p99.9 <= 1s", Metric::Percentile(Step::Whole, 99.9), Than::AtMost, 1.0),
            ("p(95)<200", Metric::Percentile(Step::Whole, 95.0), Than::Less, 0.2),
            ("order.p50<300us", Metric::Percentile(Step::Order, 50.0), Than::Less, 0.0003),
            ("pay.p99.9<1s", Metric::Percentile(Step::Pay, 99.9), Than::Less, 1.0),
            ("recommended.max<2s", Metric::Longest(Step::Recommended), Than::Less, 2.0),
            ("avg<10ms", Metric::Mean(Step::Whole), Than::Less, 0.01),
            ("failed<0.1%", Metric::Failed, Than::Less, 0.001),
            ("failed<=0", Metric::Failed, Than::AtMost, 0.0),
            ("rate>190/s", Metric::Rate, Than::More, 190.0),
        ] {
            let Threshold { metric: found, than: compared, limit: number, .. } = read(text);
            assert_eq!((found, compared), (metric, than), "{text}");
            assert!((number - limit).abs() < 1e-12, "{text}: {number}");
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for text in
            ["", "p99", "p99<", "p99<soon", "p101<1s", "p-1<1s", "order.failed<1%", "lunch.p99<1s", "failed<-1", "q<1"]
        {
            assert!(text.parse::<Threshold>().is_err(), "{text}");
        }
    }
}
