//! Reads JSON values the way pydantic does in its lax mode: a number may come as a string, a string never as a number.
//! Other than there, `true` is no number: a product for 1.00 that nobody wanted.

use serde_json::{Value, json};

use super::issue::Problem;

pub(super) fn string(value: &Value) -> Result<String, Problem> {
    value.as_str().map(str::to_owned).ok_or_else(|| Problem::new("string_type", "Input should be a valid string"))
}

pub(super) fn float(value: &Value) -> Result<f64, Problem> {
    let unparsable =
        || Problem::new("float_parsing", "Input should be a valid number, unable to parse string as a number");
    match value {
        Value::Number(number) => number.as_f64().ok_or_else(unparsable),
        Value::String(text) => text.trim().parse().map_err(|_| unparsable()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(Problem::new("float_type", "Input should be a valid number"))
        }
    }
}

pub(super) fn integer(value: &Value) -> Result<i64, Problem> {
    let too_big =
        || Problem::new("int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size");
    let fraction =
        || Problem::new("int_from_float", "Input should be a valid integer, got a number with a fractional part");
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Ok(integer),
            (None, Some(float)) => {
                whole(float).ok_or_else(|| if float.fract() == 0.0 { too_big() } else { fraction() })
            }
            (None, None) => Err(too_big()),
        },
        Value::String(text) => digits(text.trim()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(Problem::new("int_type", "Input should be a valid integer"))
        }
    }
}

/// Integers in text, also with a fraction of nothing but zeros.
fn digits(text: &str) -> Result<i64, Problem> {
    let unparsable =
        || Problem::new("int_parsing", "Input should be a valid integer, unable to parse string as an integer");
    let (number, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|digit| digit == b'0') {
        return Err(unparsable());
    }
    number.parse().map_err(|_| unparsable())
}

/// The integer that `float` is, if it is one that every `f64` near it can tell from its neighbours.
fn whole(float: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it was checked to be whole and within 2^53")]
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
}

/// Text of `least` to `most` characters, without the NUL that no PostgreSQL text can hold.
pub(super) fn text(value: &Value, least: usize, most: usize) -> Result<String, Problem> {
    let text = string(value)?;
    let length = text.chars().count();
    let characters = |count: usize| if count == 1 { "1 character".to_owned() } else { format!("{count} characters") };
    if length < least {
        let message = format!("String should have at least {}", characters(least));
        return Err(Problem::new("string_too_short", message).with(json!({"min_length": least})));
    }
    if length > most {
        let message = format!("String should have at most {}", characters(most));
        return Err(Problem::new("string_too_long", message).with(json!({"max_length": most})));
    }
    if text.contains('\0') {
        return Err(Problem::custom("text must not contain the character NUL"));
    }
    Ok(text)
}

pub(super) fn at_least(least: i64) -> Problem {
    let message = format!("Input should be greater than or equal to {least}");
    Problem::new("greater_than_equal", message).with(json!({"ge": least}))
}

pub(super) fn at_most(most: impl Into<Value>) -> Problem {
    let most = most.into();
    let message = format!("Input should be less than or equal to {most}");
    Problem::new("less_than_equal", message).with(json!({"le": most}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind<T>(result: Result<T, Problem>) -> &'static str {
        result.err().map_or("ok", |problem| problem.kind())
    }

    #[test]
    fn numbers_are_read_as_pydantic_reads_them() {
        for (value, number) in
            [(json!(12), 12.0), (json!(12.5), 12.5), (json!("12.50"), 12.5), (json!("  1e2 "), 100.0)]
        {
            assert_eq!(float(&value), Ok(number), "{value}");
        }
        for (value, expected) in [
            (json!(null), "float_type"),
            (json!(true), "float_type"),
            (json!([1]), "float_type"),
            (json!({}), "float_type"),
            (json!("wrong"), "float_parsing"),
            (json!(""), "float_parsing"),
            (json!("1,5"), "float_parsing"),
        ] {
            assert_eq!(kind(float(&value)), expected, "{value}");
        }
        for (value, number) in [(json!(7), 7), (json!(7.0), 7), (json!("7"), 7), (json!(" -7.00 "), -7)] {
            assert_eq!(integer(&value), Ok(number), "{value}");
        }
        for (value, expected) in [
            (json!(7.5), "int_from_float"),
            (json!("7.5"), "int_parsing"),
            (json!("7."), "int_parsing"),
            (json!("seven"), "int_parsing"),
            (json!(1e300), "int_parsing_size"),
            (json!(u64::MAX), "int_parsing_size"),
            (json!(null), "int_type"),
        ] {
            assert_eq!(kind(integer(&value)), expected, "{value}");
        }
    }

    #[test]
    fn text_is_measured_in_characters_and_never_made_of_numbers() {
        assert_eq!(text(&json!("é"), 1, 1), Ok("é".to_owned()));
        for (value, expected) in [
            (json!(1), "string_type"),
            (json!(null), "string_type"),
            (json!(""), "string_too_short"),
            (json!("ab"), "string_too_long"),
            (json!("\0"), "value_error"),
        ] {
            assert_eq!(kind(text(&value, 1, 1)), expected, "{value}");
        }
    }
}
