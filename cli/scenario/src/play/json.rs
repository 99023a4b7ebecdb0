//! Comparing JSON where only what is given counts.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::report::Failure;

/// Whether all that is `expected` is in `found`: objects may have more fields, all else must be the same.
pub(super) fn covers(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.iter().all(|(field, value)| found.get(field).is_some_and(|found| covers(value, found)))
        }
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len() && expected.iter().zip(found).all(|(one, other)| covers(one, other))
        }
        (expected, found) => expected == found,
    }
}

/// What is left of `found` without the fields that nobody asked for.
pub(super) fn trimmed(expected: &Value, found: &Value) -> Value {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let pair = |(field, value): (&String, &Value)| Some((field.clone(), trimmed(value, found.get(field)?)));
            let kept: Map<String, Value> = expected.iter().filter_map(pair).collect();
            // Why it could not be looked at is always of interest.
            kept.into_iter().chain(found.get_key_value("error").map(|(k, v)| (k.clone(), v.clone()))).collect()
        }
        (Value::Array(expected), Value::Array(all)) => {
            let like = |n: usize| expected.get(n).or(expected.last());
            all.iter()
                .enumerate()
                .map(|(n, one)| like(n).map_or_else(|| one.clone(), |like| trimmed(like, one)))
                .collect()
        }
        (_, found) => found.clone(),
    }
}

/// # Errors
/// Both, without what nobody asked for.
pub(super) fn compared(expected: &Value, found: &Value) -> Result<(), Failure> {
    if covers(expected, found) {
        return Ok(());
    }
    Err(Failure::new(pretty(expected), pretty(&trimmed(expected, found))))
}

/// For people.
pub(super) fn pretty(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => format!("{other:#}"),
    }
}

/// The word that stands for a value in a file.
pub(super) fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn more_fields_are_no_difference_and_everything_else_is() {
        let found = json!({ "id": 1, "lines": [{ "id": "a", "n": 2 }, { "id": "b", "n": 3 }], "status": "PAID" });
        for (expected, held) in [
            (json!({}), true),
            (json!({ "status": "PAID", "lines": [{ "id": "a" }, { "n": 3 }] }), true),
            (json!({ "status": "PENDING" }), false),
            (json!({ "lines": [{ "id": "a" }] }), false),
            (json!({ "owner": null }), false),
            (json!({ "id": "1" }), false),
        ] {
            assert_eq!(covers(&expected, &found), held, "{expected}");
            assert_eq!(expected == trimmed(&expected, &found), held, "{expected}");
        }
    }
}
