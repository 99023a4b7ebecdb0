//! Sizes and durations as Compose writes them.

use std::time::Duration;

/// `512`, `64k`, `256mb`, `1g`: in bytes, with powers of 1024.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let power = match unit.trim() {
        "" | "b" => 0,
        "k" | "kb" => 1,
        "m" | "mb" => 2,
        "g" | "gb" => 3,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1024_u64.pow(power))
}

/// `90s`, `1m30s`, `500ms`: whole numbers with units, one after the other.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let (number, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, behind) = behind.split_at(behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len()));
        let number: u64 = number.parse().ok()?;
        let part = match unit {
            "us" => Duration::from_micros(number),
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(3600)?),
            _ => return None,
        };
        sum = sum.checked_add(part)?;
        rest = behind;
    }
    // Docker counts in nanoseconds of 63 bits.
    (!text.trim().is_empty() && i64::try_from(sum.as_nanos()).is_ok()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_count_in_powers_of_1024() {
        for (text, expected) in [
            ("512", Some(512)),
            ("1b", Some(1)),
            ("64k", Some(65_536)),
            ("256MB", Some(268_435_456)),
            ("2 g", Some(2_147_483_648)),
            ("", None),
            ("m", None),
            ("-1", None),
            ("1.5g", None),
            ("1t", None),
            ("99999999999999999999", None),
            ("99999999999g", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_add_up() {
        for (text, expected) in [
            ("90s", Some(Duration::from_secs(90))),
            ("1m30s", Some(Duration::from_secs(90))),
            ("500ms", Some(Duration::from_millis(500))),
            ("1h1us", Some(Duration::new(3600, 1000))),
            ("0s", Some(Duration::ZERO)),
            ("", None),
            ("5", None),
            ("s", None),
            ("5 s", None),
            ("5d", None),
            ("-5s", None),
            ("9999999999999h", None),
            ("99999999999999999h", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
