//! The HTTP side of a service: a server that trusts nobody's `Host`, size or pace.

mod hosts;
mod leftover;
mod origin;
pub mod outgoing;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use serde_json::json;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::config::{self, Lookup};
pub use crate::listener::bind;
use crate::readiness::{Readiness, Status};
use crate::request;
pub use crate::request::milliseconds;
use crate::server::{self, Manners, Protocol};
use crate::shutdown::Shutdown;

/// Bytes of a request's head.
const HEAD: usize = 64 * 1024;

/// How long a client may keep a connection to one of these servers without a request on it: well below the time after
/// which the server closes it, or a request would meet the close, and nobody could tell whether it was carried out.
pub const CLIENT_IDLE: Duration = Duration::from_secs(5);

/// From a connection's first byte, or the end of the last answer, to the end of the next request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

const _: () = assert!(2 * CLIENT_IDLE.as_secs() <= HEADER_TIMEOUT.as_secs(), "no request may meet the close");

/// What a server accepts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Host names besides localhost, 127.0.0.1 and [::1], without port.
    pub allowed_hosts: Vec<String>,
    /// Origins whose pages may change something besides those of the host that a request went to, as browsers write them.
    pub allowed_origins: Vec<String>,
    /// Bytes of a request's body, beyond which the answer is 413; a route may set its own `DefaultBodyLimit`.
    pub body_limit: usize,
    /// From a request's head to its answer's, the time in which its body comes included; beyond it the answer is 408.
    pub request_timeout: Duration,
    /// Connections at a time, as far as the process may have so many files open; when there are more, the longest idle go.
    pub connections: usize,
    /// From a connection's first byte, or the end of the last answer, to the end of the next request's head.
    pub header_timeout: Duration,
    /// Beginnings of routes whose handlers say with [`crate::telemetry::join`] which trace a request belongs to that comes
    /// without one.
    pub joining: &'static [&'static str],
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            body_limit: 1024 * 1024,
            request_timeout: Duration::from_secs(15),
            connections: server::CONNECTIONS,
            header_timeout: HEADER_TIMEOUT,
            joining: &[],
        }
    }
}

impl Settings {
    /// Reads `ALLOWED_HOSTS`; the rest are defaults.
    pub fn from_lookup(lookup: &Lookup) -> Result<Self, config::Error> {
        let names = lookup.or("ALLOWED_HOSTS", String::new())?;
        let allowed_hosts =
            names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Ok(Self { allowed_hosts, ..Self::default() })
    }
}

/// Serves `router` on `listener`, with `/health/live`, `/health/ready` and `/health/startup`, until the shutdown is drained.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: Settings,
    readiness: Readiness,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_header_size(HEAD)
        .max_buf_size(HEAD);
    // Between requests hyper is far less patient; this is for who does not read an answer.
    let (protocol, connections) = (Protocol::Http1(builder), settings.connections);
    let manners = Manners { protocol, connections, first: server::IDLE, idle: server::IDLE };
    let app = app(router, settings, readiness, shutdown);
    server::run(listener, app, manners, shutdown).await;
    Ok(())
}

fn app(router: Router, settings: Settings, readiness: Readiness, shutdown: &Shutdown) -> Router {
    let health = Router::new()
        .route("/health/live", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/health/ready", get(ready))
        .route("/health/startup", get(started))
        .with_state((readiness, shutdown.clone()));
    router
        .merge(health)
        .layer(DefaultBodyLimit::max(settings.body_limit))
        .layer(CatchPanicLayer::custom(internal))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, settings.request_timeout))
        .layer(from_fn_with_state(origin::Allowed::new(settings.allowed_origins), origin::check))
        .layer(from_fn_with_state(hosts::Allowed::new(settings.allowed_hosts), hosts::check))
        .layer(from_fn(leftover::discard))
        .layer(default_header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(default_header(REFERRER_POLICY, "no-referrer"))
        .layer(default_header(CONTENT_SECURITY_POLICY, "frame-ancestors 'none'"))
        .layer(from_fn_with_state(settings.joining, request::http))
}

/// A header for every answer that does not set its own.
fn default_header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

async fn ready(State((readiness, shutdown)): State<(Readiness, Shutdown)>) -> Response {
    told(&readiness.status(&shutdown).await)
}

async fn started(State((readiness, shutdown)): State<(Readiness, Shutdown)>) -> Response {
    told(&readiness.started(&shutdown).await)
}

fn told(status: &Status) -> Response {
    let checks: serde_json::Map<_, _> = status
        .checks
        .iter()
        .map(|(name, answer)| ((*name).to_owned(), answer.as_ref().err().map_or("ok", String::as_str).into()))
        .collect();
    let (code, word) = match status.is_ready() {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    (code, Json(json!({"status": word, "checks": checks}))).into_response()
}

/// The panic hook has logged what happened: the caller is not told.
fn internal(_: Box<dyn Any + Send>) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"detail": "Internal Server Error"}))).into_response()
}
