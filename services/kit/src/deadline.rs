//! How long the caller of a gRPC method is willing to wait.

use std::time::Duration;

use http::HeaderMap;

/// Reads `grpc-timeout`: at most eight digits and a unit.
pub(crate) fn of(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (amount, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if amount.is_empty() || amount.len() > 8 || !amount.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = amount.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_timeout_is_read_as_grpc_writes_it() {
        for (value, timeout) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("100m", Some(Duration::from_millis(100))),
            ("99999999u", Some(Duration::from_micros(99_999_999))),
            ("5n", Some(Duration::from_nanos(5))),
            ("", None),
            ("S", None),
            ("5", None),
            ("-5S", None),
            ("123456789S", None),
            ("5x", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", value.parse().expect("a header"));
            assert_eq!(of(&headers), timeout, "{value}");
        }
        assert_eq!(of(&HeaderMap::new()), None);
    }

    proptest! {
        #[test]
        fn no_header_is_a_time_that_can_not_be_waited_for(value in proptest::collection::vec(0x20..=0xff_u8, 0..12), digits in "[0-9]{0,12}[HMSmunx]") {
            for value in [value, digits.into_bytes()] {
                let Ok(value) = http::HeaderValue::from_bytes(&value) else { continue };
                let headers = HeaderMap::from_iter([(http::HeaderName::from_static("grpc-timeout"), value)]);
                if let Some(timeout) = of(&headers) {
                    prop_assert!(std::time::Instant::now().checked_add(timeout).is_some(), "{:?}", timeout);
                }
            }
        }
    }
}
