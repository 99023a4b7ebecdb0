//! What is done around every request, of HTTP and of gRPC: one span in the caller's trace and one line in the log.
//!
//! Logged is the route's pattern, never the path or the query: who has the link of a payment may pay.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use tonic::Code;
use tracing::{Instrument, Span, field};

use crate::telemetry::{self, TRACEPARENT};

/// For HTTP. Health checks are not worth a line.
pub(crate) async fn http(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    if route.starts_with("/health") {
        return next.run(request).await;
    }
    let method = request.method().clone();
    let span = tracing::info_span!("http", %method, route, trace_id = field::Empty, otel.name = format!("{method} {route}"), otel.kind = "server");
    join(&span, request.headers());
    let begun = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let (status, ms) = (response.status().as_u16(), milliseconds(begun));
    span.in_scope(|| match status {
        500.. => tracing::error!(status, ms, "answered"),
        _ => tracing::info!(status, ms, "answered"),
    });
    response
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
    let status = response.headers().get("grpc-status").map_or(Code::Ok, |status| Code::from_bytes(status.as_bytes()));
    let ms = milliseconds(begun);
    span.in_scope(|| match status {
        Code::Internal | Code::Unknown | Code::DataLoss => tracing::error!(?status, ms, "answered"),
        _ => tracing::info!(?status, ms, "answered"),
    });
    response
}

fn join(span: &Span, headers: &HeaderMap) {
    if let Some(traceparent) = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()) {
        telemetry::set_parent(span, traceparent);
    }
    telemetry::record_trace_id(span);
}

fn milliseconds(begun: Instant) -> f64 {
    (begun.elapsed().as_secs_f64() * 10_000.0).round() / 10.0
}
