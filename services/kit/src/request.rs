//! What is done around every request, of HTTP and of gRPC: one span in the caller's trace and one line in the log.
//!
//! Logged is the route's pattern, never the path or the query: who has the link of a payment may pay.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, Method};
use tonic::{Code, Status};
use tracing::{Instrument, Span, field};

use crate::telemetry::{self, TRACEPARENT, attribute_of, metrics};

/// For HTTP. Health checks are not worth a line. A request without a trace of its own on one of the routes that are `joining`
/// is left to its handler, which knows where it belongs.
pub(crate) async fn http(State(joining): State<&'static [&'static str]>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    if route.starts_with("/health") {
        return next.run(request).await;
    }
    let method = request.method().clone();
    let span = tracing::info_span!("http", %method, route, trace_id = field::Empty, otel.name = format!("{method} {route}"), otel.kind = "server");
    let joins = joining.iter().any(|prefix| route.starts_with(prefix));
    if !joins || request.headers().contains_key(TRACEPARENT) {
        join(&span, request.headers());
    }
    let begun = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let took = begun.elapsed();
    let (status, ms) = (response.status().as_u16(), milliseconds(took));
    span.in_scope(|| {
        if joins {
            // One that was refused before its handler.
            telemetry::join(None);
        }
        match status {
            500.. => tracing::error!(status, ms, "answered"),
            _ => tracing::info!(status, ms, "answered"),
        }
        if telemetry::is_exporting() {
            tell_http(&span, &route, status);
            metrics::answered_http(known(&method), &route, status, took);
        }
    });
    response
}

fn tell_http(span: &Span, route: &str, status: u16) {
    attribute_of(span, "url.scheme", "http");
    // Of a path with a parameter, nothing: some of them are secrets.
    if !route.contains('{') && route != "-" {
        attribute_of(span, "url.path", route.to_owned());
    }
    attribute_of(span, "http.response.status_code", i64::from(status));
    if status >= 500 {
        telemetry::failed(&status.to_string(), "");
    }
}

/// What anybody may send is no word for a metric.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "_OTHER",
    }
}

/// For gRPC, whose paths hold nothing but the names of methods. Health checks and reflection are not worth a line.
pub(crate) async fn grpc(request: Request, next: Next) -> Response {
    let method = request.uri().path().trim_start_matches('/').to_owned();
    if method.starts_with("grpc.") {
        return next.run(request).await;
    }
    let span = tracing::info_span!("grpc", method, trace_id = field::Empty, otel.name = method, otel.kind = "server");
    join(&span, request.headers());
    let begun = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let took = begun.elapsed();
    let status = response.headers().get("grpc-status").map_or(Code::Ok, |status| Code::from_bytes(status.as_bytes()));
    let ms = milliseconds(took);
    span.in_scope(|| {
        match status {
            Code::Internal | Code::Unknown | Code::DataLoss => tracing::error!(?status, ms, "answered"),
            _ => tracing::info!(?status, ms, "answered"),
        }
        if telemetry::is_exporting() {
            let failed = is_failure(status);
            tell_grpc(&span, status, failed, response.headers());
            // What nobody serves is whatever a caller made up.
            let method = if status == Code::Unimplemented { "_OTHER" } else { method.as_str() };
            metrics::answered_grpc(method, word(status), failed, took);
        }
    });
    response
}

fn tell_grpc(span: &Span, status: Code, failed: bool, headers: &HeaderMap) {
    attribute_of(span, "rpc.system.name", "grpc");
    attribute_of(span, "rpc.response.status_code", word(status));
    if failed {
        let told = Status::from_header_map(headers);
        telemetry::failed(word(status), told.as_ref().map_or("", Status::message));
    }
}

/// Whether it is the server that did not do its work; all else says something about the call.
fn is_failure(status: Code) -> bool {
    match status {
        Code::Unknown
        | Code::DeadlineExceeded
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::Ok
        | Code::Cancelled
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unauthenticated => false,
    }
}

/// A code as the protocol spells it.
pub fn word(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

fn join(span: &Span, headers: &HeaderMap) {
    if let Some(traceparent) = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()) {
        telemetry::set_parent(span, traceparent);
    }
    telemetry::record_trace_id(span);
}

/// As logs tell it: to a tenth.
pub fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000.0).round() / 10.0
}
