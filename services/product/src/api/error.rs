//! From everything that can go wrong to an answer, in one place.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use kit::auth::Unauthenticated;
use serde::Serialize;
use serde_json::json;

use super::issue::Issue;
use crate::store::{ChangeError, Unavailable};

#[derive(Debug)]
pub(super) enum ApiError {
    Invalid(Vec<Issue>),
    /// No token, or a bad one, or in open mode nobody named to act for.
    Unauthenticated,
    Forbidden(&'static str),
    ProductNotFound,
    BadRequest(&'static str),
    TooLarge,
    Unavailable,
    /// None of so many items was written.
    NotWritten(usize),
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Invalid(issues) => detail(StatusCode::UNPROCESSABLE_ENTITY, issues),
            Self::Unauthenticated => {
                let mut response = detail(StatusCode::UNAUTHORIZED, "Not authenticated");
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                response
            }
            Self::Forbidden(reason) => detail(StatusCode::FORBIDDEN, reason),
            Self::ProductNotFound => detail(StatusCode::NOT_FOUND, "Product not found"),
            Self::BadRequest(reason) => detail(StatusCode::BAD_REQUEST, reason),
            Self::TooLarge => detail(StatusCode::PAYLOAD_TOO_LARGE, "Request body is too large"),
            Self::Unavailable => detail(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE),
            Self::NotWritten(items) => {
                let not_written: Vec<usize> = (0..items).collect();
                let body = json!({"detail": UNAVAILABLE, "not_written": not_written});
                (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
            }
        }
    }
}

const UNAVAILABLE: &str = "The catalog can't be reached";

/// FastAPI's shape of everything that is no success.
pub(super) fn detail(status: StatusCode, detail: impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Refusal<D> {
        detail: D,
    }
    (status, Json(Refusal { detail })).into_response()
}

impl From<Unauthenticated> for ApiError {
    fn from(_: Unauthenticated) -> Self {
        Self::Unauthenticated
    }
}

impl From<Unavailable> for ApiError {
    fn from(error: Unavailable) -> Self {
        tracing::error!("{error}");
        Self::Unavailable
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound => Self::ProductNotFound,
            ChangeError::NotOwner => Self::Forbidden("The product belongs to another account"),
            ChangeError::Unavailable(error) => error.into(),
        }
    }
}
