//! What product says when it refuses: FastAPI's status and `detail`, as gRPC would say it.

use http::StatusCode;
use serde::Deserialize;
use tonic::Code;

use super::catalog::SERVICE;
use crate::error::Error;

/// An answer that is no success, as gRPC would say it.
pub(super) fn read(status: StatusCode, body: &[u8]) -> Error {
    let code = match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Error::not_found("product"),
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::PAYLOAD_TOO_LARGE => {
            Code::InvalidArgument
        }
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::CONFLICT => Code::Aborted,
        StatusCode::TOO_MANY_REQUESTS => Code::ResourceExhausted,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => return Error::timed_out(SERVICE),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => return Error::unavailable(SERVICE),
        _ => return Error::unexpected(SERVICE, status),
    };
    Error::new(code, detail(body).unwrap_or_else(|| "product refused the request".to_owned()))
}

/// FastAPI's `detail`: a text, or a list of what is wrong with which field.
fn detail(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        detail: Detail,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Detail {
        Text(String),
        Issues(Vec<Issue>),
    }
    #[derive(Deserialize)]
    struct Issue {
        loc: Vec<serde_json::Value>,
        msg: String,
    }
    impl Issue {
        fn told(&self) -> String {
            match self.loc.last().and_then(serde_json::Value::as_str) {
                Some(field) => format!("{field}: {}", self.msg),
                None => self.msg.clone(),
            }
        }
    }
    Some(match serde_json::from_slice::<Refusal>(body).ok()?.detail {
        Detail::Text(text) => text,
        Detail::Issues(issues) => issues.iter().map(Issue::told).collect::<Vec<_>>().join("; "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validation_error_names_its_fields() {
        let body = br#"{"detail": [
            {"type": "missing", "loc": ["body", "name"], "msg": "Field required", "input": {}},
            {"type": "greater_than_equal", "loc": ["body", "price"], "msg": "Input should be greater than or equal to 0"}
        ]}"#;
        let error = read(StatusCode::UNPROCESSABLE_ENTITY, body);
        assert_eq!(error.code(), "INVALID_ARGUMENT");
        assert_eq!(error.to_string(), "name: Field required; price: Input should be greater than or equal to 0");
    }

    #[test]
    fn a_failure_of_the_catalog_tells_nothing_of_its_insides() {
        let error = read(StatusCode::INTERNAL_SERVER_ERROR, br#"{"detail": "/var/lib/secret"}"#);
        assert_eq!((error.code(), error.to_string().as_str()), ("INTERNAL", "internal error"));
    }
}
