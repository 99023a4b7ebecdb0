//! How the values of options are read.

use std::time::Duration;

use super::Assignment;

pub(super) fn duration(text: &str) -> Result<Duration, humantime::DurationError> {
    humantime::parse_duration(text)
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
        for wrong in ["A", "=b", ".A=b", "order.=b"] {
            assert!(assignment(wrong).is_err(), "{wrong}");
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
