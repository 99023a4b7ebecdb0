//! The gRPC side of a service: server with health and reflection, channels to other services, outgoing requests.

mod client;
mod patience;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::HeaderMap;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tonic::metadata::MetadataValue;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower_http::catch_panic::CatchPanicLayer;

pub use self::client::Client;
use self::patience::Patience;
pub use crate::listener::bind;
use crate::readiness::Readiness;
pub use crate::request::word;
use crate::server::{self, Manners, Protocol};
use crate::shutdown::Shutdown;
use crate::{deadline, request, telemetry};

/// The longest that a call may take, whatever its caller allows.
const LONGEST: Duration = Duration::from_secs(120);
/// For how long, altogether, a call waits for its message to come.
const PATIENCE: Duration = Duration::from_secs(10);
/// From a connection to its first call.
const FIRST: Duration = Duration::from_secs(10);
/// Calls under way on one connection.
const STREAMS: u32 = 512;
/// Bytes of a call's metadata, as HTTP/2 counts them.
const METADATA: usize = 16 * 1024;
/// Bytes of metadata that are read at all, to be refused with a word. HTTP/2 has none for what is longer.
const READ: u32 = 256 * 1024;
/// How often health asks for readiness, ...
const PROBE: Duration = Duration::from_millis(500);
/// ... and when it does for the second time. From then on by half as rarely each time, until all has started.
const FIRST_PROBE: Duration = Duration::from_millis(5);
/// The name under which health tells whether all has started: Kubernetes' word for such a probe.
const STARTUP: &str = "startup";
/// What every server has.
const COMMON: &[&str] =
    &["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
/// In bytes. A status's message travels in a header: clients refuse long ones, and it may quote what a caller sent.
const LONGEST_MESSAGE: usize = 512;

/// A URL that no channel can be made of.
#[derive(Debug, thiserror::Error)]
#[error("{url} is not the URL of a gRPC service (http://HOST:PORT)")]
pub struct Error {
    url: String,
    source: Option<tonic::transport::Error>,
}

/// When the caller stops waiting. In the extensions of each request whose caller told.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

/// Serves `routes` on `listener`, with health (for `names`, the full names of the services, for the whole server, and
/// for `startup`) and reflection, until the shutdown is drained.
///
/// A request ends with `DEADLINE_EXCEEDED` at its `grpc-timeout`; a handler that panics answers `INTERNAL`.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    names: &[&'static str],
    readiness: Readiness,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let (reporter, health) = tonic_health::server::health_reporter();
    // All contracts are known, but only what is served here is listed.
    let reflection = || {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
            .include_reflection_service(false);
        names.iter().chain(COMMON).fold(builder, |builder, name| builder.with_service_name(*name))
    };
    let routes = routes
        .add_service(health)
        .add_service(reflection().build_v1().context("reflection can't read the contracts")?)
        // Older clients know only this one.
        .add_service(reflection().build_v1alpha().context("reflection can't read the contracts")?);
    let router = routes
        .into_axum_router()
        .layer(CatchPanicLayer::custom(internal))
        .layer(from_fn(bounded))
        .layer(from_fn(request::grpc));
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(READ)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    let protocol = Protocol::Http2(builder);
    let manners = Manners { protocol, connections: server::CONNECTIONS, first: FIRST, idle: server::IDLE };
    let names: Vec<_> = names.iter().copied().chain([""]).collect();
    // Who asks before the first look at readiness is over must not hear that there is no such service.
    for name in names.iter().copied().chain([STARTUP]) {
        reporter.set_service_status(name, ServingStatus::NotServing).await;
    }
    let health = tokio::spawn(report(reporter, names, readiness, shutdown.clone()));
    server::run(listener, router, manners, shutdown).await;
    health.abort();
    Ok(())
}

/// A channel that connects when it is used and again whenever it has to. Needs a runtime around it.
///
/// # Errors
/// `url` is not of the form `http://HOST:PORT`.
pub fn channel(url: &str) -> Result<Channel, Error> {
    let error = |source| Error { url: url.to_owned(), source };
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|source| error(Some(source)))?;
    if endpoint.uri().scheme_str() != Some("http") || endpoint.uri().host().is_none() {
        return Err(error(None));
    }
    Ok(endpoint
        .connect_timeout(Duration::from_secs(1))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .connect_lazy())
}

/// A request that carries the caller's token, how long we wait for the answer, and the current trace. On a timeout that
/// this side notices first, tonic answers `CANCELLED`: see [`is_outage`].
///
/// A bearer that can't be a header is left out: the callee will say that there is none.
pub fn request<T>(message: T, bearer: Option<&str>, deadline: Duration) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(deadline);
    if let Some(Ok(mut value)) = bearer.map(|token| MetadataValue::try_from(format!("Bearer {token}"))) {
        value.set_sensitive(true);
        request.metadata_mut().insert("authorization", value);
    }
    if let Some(Ok(value)) = telemetry::traceparent().map(MetadataValue::try_from) {
        request.metadata_mut().insert(telemetry::TRACEPARENT, value);
    }
    request
}

/// What a caller is told of `error`: its message, cut if it is long. Where no caller is to blame, the causes are logged:
/// they are for us alone.
pub fn refusal(code: Code, error: &(dyn std::error::Error + 'static)) -> Status {
    if matches!(code, Code::Internal | Code::Unavailable) {
        tracing::error!(error, "call failed");
        telemetry::exception(word(code), telemetry::chain(error));
    }
    let mut message = error.to_string();
    message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
    Status::new(code, message)
}

/// Whether a callee was away, went away under the call, or took longer than we wait: the same call may succeed later.
pub fn is_outage(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled) || is_lost(status)
}

/// Whether it is no word of the callee but what tonic makes of a connection that broke, or that closed before the call
/// was sent. Its own timer is no such thing.
pub fn is_lost(status: &Status) -> bool {
    let mut causes = std::iter::successors(std::error::Error::source(status), |cause| cause.source()).peekable();
    matches!(status.code(), Code::Unknown | Code::Internal | Code::Cancelled)
        && causes.peek().is_some()
        && !causes.any(|cause| cause.is::<tonic::TimeoutExpired>())
}

/// How long the caller of `request` still waits; `None` if it did not tell.
pub fn remaining<T>(request: &tonic::Request<T>) -> Option<Duration> {
    request.extensions().get::<Deadline>().map(|deadline| deadline.0.saturating_duration_since(Instant::now()))
}

async fn bounded(mut request: Request, next: Next) -> Response {
    if metadata(request.headers()) > METADATA {
        return Status::resource_exhausted(format!("the call's metadata is longer than {METADATA} bytes")).into_http();
    }
    let told = deadline::of(request.headers());
    if let Some(told) = told {
        request.extensions_mut().insert(Deadline(Instant::now() + told));
    }
    let request = request.map(|body| axum::body::Body::new(Patience::new(body, PATIENCE)));
    match timeout(told.map_or(LONGEST, |told| told.min(LONGEST)), next.run(request)).await {
        Ok(response) => response,
        Err(_) => Status::deadline_exceeded("the call's deadline has passed").into_http(),
    }
}

/// Bytes, each field with the 32 that HTTP/2 adds for its place in a table.
fn metadata(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

/// The panic hook has logged what happened: the caller is not told.
fn internal(_: Box<dyn Any + Send>) -> Response {
    Status::internal("internal error").into_http()
}

async fn report(mut reporter: HealthReporter, names: Vec<&'static str>, readiness: Readiness, shutdown: Shutdown) {
    let word = |well: bool| if well { ServingStatus::Serving } else { ServingStatus::NotServing };
    let (mut pause, mut started) = (FIRST_PROBE, false);
    loop {
        let ready = word(readiness.status(&shutdown).await.is_ready());
        for name in &names {
            reporter.set_service_status(name, ready).await;
        }
        started = started || readiness.started(&shutdown).await.is_ready();
        reporter.set_service_status(STARTUP, word(started && !shutdown.is_begun())).await;
        if shutdown.is_begun() {
            break;
        }
        pause = if started { PROBE } else { pause.mul_f64(1.5).min(PROBE) };
        tokio::select! {
            () = sleep(pause) => {}
            () = shutdown.begun() => {}
        }
    }
    shutdown.draining().await;
    // Ends the streams of those who watch: the drain would wait for them.
    for name in names.into_iter().chain([STARTUP]) {
        reporter.clear_service_status(name).await;
    }
}
