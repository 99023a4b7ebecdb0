//! How the values of options are read.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Image, boot::Assignment, events::Begin};

pub(super) fn duration(text: &str) -> Result<Duration, humantime::DurationError> {
    humantime::parse_duration(text)
}

/// How long ago, or when: nanoseconds since 1970.
pub(super) fn moment(text: &str) -> Result<u64, String> {
    let before = |ago| SystemTime::now().checked_sub(ago);
    let time = match (humantime::parse_duration(text), OffsetDateTime::parse(text, &Rfc3339)) {
        (Ok(ago), _) => before(ago),
        (Err(_), Ok(time)) => Some(time.into()),
        // Also without a zone (UTC), and with a space.
        (Err(_), Err(_)) => humantime::parse_rfc3339_weak(text).ok(),
    };
    let since =
        time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).and_then(|since| since.as_nanos().try_into().ok());
    since.ok_or_else(|| "expected how long ago (90s, 5m, 2h 30m) or a time (2026-11-27T08:00:00Z)".to_owned())
}

/// `beginning`, `latest`, or a moment.
pub(super) fn begin(text: &str) -> Result<Begin, String> {
    match text {
        "beginning" => Ok(Begin::Beginning),
        "latest" => Ok(Begin::Latest),
        text => match moment(text) {
            Ok(nanos) => Ok(Begin::Since(Duration::from_nanos(nanos))),
            Err(why) => Err(format!("{why}, or `beginning` or `latest`")),
        },
    }
}

/// `PARTITION:OFFSET`, as `events` shows it.
pub(super) fn place(text: &str) -> Result<(i32, i64), String> {
    let numbers = text
        .split_once([':', '@'])
        .and_then(|(partition, offset)| Some((partition.parse().ok()?, offset.parse().ok()?)));
    numbers
        .filter(|(partition, offset)| *partition >= 0 && *offset >= 0)
        .ok_or_else(|| "expected PARTITION:OFFSET, such as 1:17".to_owned())
}

/// The id in lower case.
pub(super) fn trace(text: &str) -> Result<String, String> {
    let id = match text.split('-').collect::<Vec<_>>()[..] {
        [id] | ["00", id, _, _] => id.to_ascii_lowercase(),
        _ => String::new(),
    };
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("expected 32 hexadecimal digits, or a traceparent (00-…-…-01)".to_owned());
    }
    Ok(id)
}

pub(super) fn instance_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    match text {
        "" => Err("a name has at least one letter".to_owned()),
        _ if text.len() > 40 => Err("a name has at most 40 letters".to_owned()),
        _ if !text.chars().all(plain) || text.starts_with('-') => {
            Err("a name is made of a-z, 0-9, - and _, and does not start with -".to_owned())
        }
        _ => Ok(text.to_owned()),
    }
}

/// `KEY=VALUE` or `SERVICE.KEY=VALUE`; variables' names have no dot, so the first one ends the service.
pub(super) fn assignment(text: &str) -> Result<Assignment, String> {
    let (name, value) = text.split_once('=').ok_or("expected KEY=VALUE or SERVICE.KEY=VALUE")?;
    let (service, key) = match name.split_once('.') {
        Some((service, key)) => (Some(service.to_owned()), key),
        None => (None, name),
    };
    if key.is_empty() || service.as_deref() == Some("") || value.contains('\0') {
        return Err("expected KEY=VALUE or SERVICE.KEY=VALUE".to_owned());
    }
    Ok(Assignment { service, key: key.to_owned(), value: value.to_owned() })
}

/// `RESOURCE=IMAGE`; an image's name has no `=`.
pub(super) fn image(text: &str) -> Result<Image, String> {
    match text.split_once('=') {
        Some((resource, image)) if !resource.is_empty() && !image.is_empty() && !image.contains(['=', ' ']) => {
            Ok(Image { resource: resource.to_owned(), image: image.to_owned() })
        }
        _ => Err("expected RESOURCE=IMAGE, such as kafka=apache/kafka:4.1.0".to_owned()),
    }
}

/// One `--report`, in one of the formats that its command has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report<F> {
    pub(crate) format: F,
    pub(crate) path: PathBuf,
}

/// `FORMAT=FILE`; `expected` says which formats there are.
pub(crate) fn report<F: Copy>(text: &str, formats: &[(&str, F)], expected: &str) -> Result<Report<F>, String> {
    let (word, path) = text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or(expected)?;
    let (_, format) = formats.iter().find(|(name, _)| *name == word).ok_or(expected)?;
    Ok(Report { format: *format, path: path.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_names_its_service_if_it_has_one() {
        let of = |service: Option<&str>, key: &str, value: &str| Assignment {
            service: service.map(str::to_owned),
            key: key.to_owned(),
            value: value.to_owned(),
        };
        assert_eq!(assignment("A=b=c"), Ok(of(None, "A", "b=c")));
        assert_eq!(assignment("order.RUST_LOG=order=debug"), Ok(of(Some("order"), "RUST_LOG", "order=debug")));
        assert_eq!(assignment("A=x.y"), Ok(of(None, "A", "x.y")));
        for text in ["A=b=c", "order.RUST_LOG=order=debug"] {
            assert_eq!(assignment(text).map(|read| read.to_string()).as_deref(), Ok(text));
        }
        for wrong in ["A", "=b", ".A=b", "order.=b"] {
            assert!(assignment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_image_names_whose_it_is() {
        let wanted = Image { resource: "kafka".to_owned(), image: "localhost:5000/apache/kafka:4.1.0".to_owned() };
        assert_eq!(image("kafka=localhost:5000/apache/kafka:4.1.0"), Ok(wanted));
        for wrong in ["", "kafka", "kafka=", "=x", "kafka=a b", "a=b=c"] {
            assert!(image(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_moment_is_a_time_or_how_long_ago() {
        let second = 1_000_000_000;
        for time in ["2026-11-27T08:00:00Z", "2026-11-27T09:00:00+01:00", "2026-11-27 08:00:00"] {
            assert_eq!(moment(time), Ok(1_795_766_400 * second), "{time}");
        }
        let (ago, now) = (moment("5m").expect("a duration"), moment("0s").expect("a duration"));
        assert!((300 * second - second..300 * second + second).contains(&(now - ago)));
        for wrong in ["", "yesterday", "5", "1960-01-01T00:00:00Z", "900000000y"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn reading_begins_at_an_end_or_at_a_moment() {
        assert_eq!((begin("beginning"), begin("latest")), (Ok(Begin::Beginning), Ok(Begin::Latest)));
        assert_eq!(begin("2026-11-27T08:00:00Z"), Ok(Begin::Since(Duration::from_secs(1_795_766_400))));
        assert!(begin("first").is_err_and(|why| why.contains("latest")));
    }

    #[test]
    fn a_place_is_a_partition_and_an_offset() {
        assert_eq!((place("1:17"), place("0@0")), (Ok((1, 17)), Ok((0, 0))));
        for wrong in ["", "17", "1:", "-1:2", "1:-2", "a:b"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_trace_is_found_in_what_headers_and_logs_say() {
        const ID: &str = "0af7651916cd43dd8448eb211c80319c";
        for text in [ID, "0AF7651916CD43DD8448EB211C80319C", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]
        {
            assert_eq!(trace(text).as_deref(), Ok(ID), "{text}");
        }
        for wrong in ["", "0af7", "xaf7651916cd43dd8448eb211c80319c"] {
            assert!(trace(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_that_cannot_be_a_folder_is_refused() {
        assert_eq!(instance_name("ci-7_b"), Ok("ci-7_b".to_owned()));
        for wrong in ["", "..", "a/b", "-a", "Ä", &"a".repeat(41)] {
            assert!(instance_name(wrong).is_err(), "{wrong}");
        }
    }
}
