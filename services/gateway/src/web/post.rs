//! `POST /graphql`: one query as JSON.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use tonic::Code;

use super::{App, Refusal};
use crate::graphql::operation;

/// Bytes of a request's body. The introspection query has 2 KiB, a basket of a hundred lines 8.
pub(super) const BODY: usize = 256 * 1024;

pub(super) async fn execute(State(app): State<App>, request: Request) -> Response {
    answer(&app, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(app: &App, request: Request) -> Result<Response, Refusal> {
    let headers = request.headers();
    if !is_json(headers) {
        let told = "the content type must be application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, told));
    }
    let session = app.session(headers)?;
    // Not async-graphql's own extractor: it reads past every limit that is set on the body.
    let body = Bytes::from_request(request, &()).await.map_err(|unread| match unread.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let told = format!("the body is longer than {BODY} bytes");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, told)
        }
        status => Refusal::new(status, Code::InvalidArgument, "the body can't be read"),
    })?;
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, "batches are not accepted"));
    }
    let query: async_graphql::Request = serde_json::from_slice(&body).map_err(|error| {
        let told = format!("the body is no GraphQL request: {error}");
        Refusal::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, told)
    })?;
    let response = app.schema.execute(query.data(session)).await;
    operation::answered(&response);
    Ok(([(CACHE_CONTROL, "no-store")], Json(response)).into_response())
}

/// `application/json`, with whatever parameters. A browser sends other types to another site without asking it first.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}
