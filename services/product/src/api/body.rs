//! A request's JSON body, taken as FastAPI takes it.

use axum::RequestExt;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::error::ApiError;
use super::fields::not_an_object;
use super::issue::{Problem, Step};

/// Whatever JSON the body is.
pub(super) struct Body(pub(super) Value);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers());
        let bytes: Bytes = request.extract().await.map_err(|rejection: axum::extract::rejection::BytesRejection| {
            match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
                _ => ApiError::BadRequest("There was an error parsing the body"),
            }
        })?;
        let body = [Step::Name("body")];
        if bytes.is_empty() {
            return Err(ApiError::Invalid(vec![Problem::missing().at(&body, Value::Null)]));
        }
        // A browser sends other types to another site without asking it first.
        if !is_json {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            return Err(ApiError::Invalid(vec![not_an_object().at(&body, Value::String(text))]));
        }
        match parse(&bytes)? {
            Value::Null => Err(ApiError::Invalid(vec![Problem::missing().at(&body, Value::Null)])),
            value => Ok(Self(value)),
        }
    }
}

/// `application/json` and whatever is made of it, such as `application/merge-patch+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.strip_prefix("application/").is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

pub(super) fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let at = if error.is_eof() { bytes.len() } else { offset(bytes, error.line(), error.column()) };
        let position = Step::Index(String::from_utf8_lossy(&bytes[..at]).chars().count());
        let problem = Problem::new("json_invalid", "JSON decode error").with(json!({"error": reason(&error)}));
        ApiError::Invalid(vec![problem.at(&[Step::Name("body"), position], json!({}))])
    })
}

fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Bytes before the place where the parser stopped. It counts lines and columns from 1.
fn offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let before: usize =
        bytes.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    (before + column.saturating_sub(1)).min(bytes.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_json_error_points_at_its_character() {
        let issues = |text: &str| match parse(text.as_bytes()) {
            Err(ApiError::Invalid(issues)) => serde_json::to_value(issues).expect("it is JSON"),
            Err(other) => panic!("{other:?}"),
            Ok(value) => panic!("{value} is JSON"),
        };
        assert_eq!(issues("{\"é\": x}")[0]["loc"], json!(["body", 6]));
        assert_eq!(issues("{\n\"a\": x}")[0]["loc"], json!(["body", 7]));
        assert_eq!(issues("{")[0]["type"], "json_invalid");
        assert_eq!(issues("{")[0]["msg"], "JSON decode error");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(parse(&bytes));
        }

        #[test]
        fn almost_json_does_not_make_the_parser_panic(text in r#"[\[\]{}",:0-9eE+\-.a-fé\\u\n ]{0,60}"#) {
            drop(parse(text.as_bytes()));
        }
    }
}
