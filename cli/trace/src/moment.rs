//! Moments and durations in nanoseconds, and how both are written.

use serde::{Serialize, Serializer};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

const SECOND: u64 = 1_000_000_000;

/// Nanoseconds since 1970; for programs RFC 3339 in UTC, to the nanosecond.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub u64);

/// Nanoseconds; for programs a number of seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Took(pub u64);

impl Stamp {
    /// From seconds since 1970, as databases tell them; what is before 1970 is 1970.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and microseconds are kept")]
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1e6).round() as u64 * 1000)
    }

    /// From milliseconds since 1970, as Kafka tells them.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(u64::try_from(millis).unwrap_or(0).saturating_mul(1_000_000))
    }

    /// From RFC 3339.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let time = OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
        time.unix_timestamp_nanos().try_into().ok().map(Self)
    }

    /// How long after `earlier`; nothing if it was before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Took {
        Took(self.0.saturating_sub(earlier.0))
    }

    /// The time of the day in UTC, to the millisecond.
    #[must_use]
    pub fn clock(self) -> String {
        const FORMAT: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]:[second].[subsecond digits:3]");
        self.time().format(FORMAT).unwrap_or_default()
    }

    /// Day and time in UTC, to the millisecond.
    #[must_use]
    pub fn full(self) -> String {
        const FORMAT: &[BorrowedFormatItem<'_>] =
            format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        self.time().format(FORMAT).unwrap_or_default()
    }

    fn time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(self.0.into()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const FORMAT: &[BorrowedFormatItem<'_>] =
            format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:9]Z");
        serializer.serialize_str(&self.time().format(FORMAT).unwrap_or_default())
    }
}

impl Took {
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a time that is too long for that is shown to nobody")]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Serialize for Took {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.seconds())
    }
}

/// With three digits, in the unit that suits it.
impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (unit, name) = match self.0 {
            nanos if nanos >= 100 * SECOND => {
                let (minutes, seconds) = (nanos / SECOND / 60, nanos / SECOND % 60);
                return if minutes >= 120 {
                    write!(f, "{} h {} min", minutes / 60, minutes % 60)
                } else {
                    write!(f, "{minutes} min {seconds} s")
                };
            }
            0 => return f.write_str("0"),
            nanos if nanos >= SECOND => (1e9, "s"),
            nanos if nanos >= 1_000_000 => (1e6, "ms"),
            _ => (1e3, "µs"),
        };
        let number = self.seconds() * 1e9 / unit;
        let digits = match number {
            number if number >= 99.95 => 0,
            number if number >= 9.995 => 1,
            _ => 2,
        };
        write!(f, "{number:.digits$} {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_three_digits_in_the_unit_that_suits_it() {
        for (nanos, text) in [
            (0, "0"),
            (900, "0.90 µs"),
            (12_345, "12.3 µs"),
            (999_999, "1000 µs"),
            (5_432_100, "5.43 ms"),
            (321_000_000, "321 ms"),
            (1_500_000_000, "1.50 s"),
            (125 * SECOND, "2 min 5 s"),
            (3 * 3600 * SECOND, "3 h 0 min"),
        ] {
            assert_eq!(Took(nanos).to_string(), text);
        }
    }

    #[test]
    fn moments_come_from_what_databases_brokers_and_events_say() {
        let moment = Stamp(1_795_766_400_123_456_000);
        assert_eq!(Stamp::from_seconds(1_795_766_400.123_456), moment);
        assert_eq!(Stamp::from_millis(1_795_766_400_123), Stamp(1_795_766_400_123_000_000));
        assert_eq!(Stamp::parse("2026-11-27T08:00:00.123456Z"), Some(moment));
        assert_eq!((moment.full(), moment.clock()), ("2026-11-27T08:00:00.123Z".into(), "08:00:00.123".into()));
        assert_eq!((Stamp::from_seconds(-1.0), Stamp::from_millis(-1)), (Stamp(0), Stamp(0)));
    }
}
