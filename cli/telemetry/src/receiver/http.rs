//! OTLP over HTTP, in protobuf; and for Prometheus what was sent of metrics.

use std::{
    future::{Future, IntoFuture as _},
    io::Read as _,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use prost::Message as _;
use tokio::net::TcpListener;
use tower_http::timeout::TimeoutLayer;

use super::{Error, MOST_BYTES, NO_LOGS};
use crate::{
    figures::Figures,
    intake::{Intake, Signal},
    metrics::text,
};

const PROTOBUF: &str = "application/x-protobuf";
/// For one request, its body included.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn serve(
    listener: TcpListener,
    intake: Arc<Intake>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let router = Router::new()
        .route(Signal::Traces.http_path(), post(traces))
        .route(Signal::Metrics.http_path(), post(metrics))
        .route("/v1/logs", any(logs))
        .route("/metrics", get(prometheus))
        .route("/health/ready", get(ready))
        .fallback(unknown)
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, PATIENCE))
        .layer(from_fn(check_host))
        .with_state(intake);
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop).into_future();
    serving.await.map_err(|error| Error::Serve { protocol: "HTTP", source: error.into() })
}

/// What is answered in place of a response: `google.rpc.Status`, as OTLP wants it.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// Why a request is refused.
struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    fn too_large() -> Self {
        let message = format!("the body has more than {MOST_BYTES} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, message } = self;
        let code = match status {
            StatusCode::NOT_IMPLEMENTED => tonic::Code::Unimplemented,
            StatusCode::NOT_FOUND => tonic::Code::NotFound,
            StatusCode::PAYLOAD_TOO_LARGE => tonic::Code::ResourceExhausted,
            _ => tonic::Code::InvalidArgument,
        };
        let body = Status { code: code.into(), message }.encode_to_vec();
        (status, [(header::CONTENT_TYPE, PROTOBUF)], body).into_response()
    }
}

async fn traces(State(intake): State<Arc<Intake>>, request: Request) -> Result<Response, Refusal> {
    export(&intake, Signal::Traces, request).await
}

async fn metrics(State(intake): State<Arc<Intake>>, request: Request) -> Result<Response, Refusal> {
    export(&intake, Signal::Metrics, request).await
}

async fn export(intake: &Intake, signal: Signal, request: Request) -> Result<Response, Refusal> {
    let encoding = encoding(request.headers())?;
    let body = to_bytes(request.into_body(), MOST_BYTES).await.map_err(|error| match is_limit(&error) {
        true => Refusal::too_large(),
        false => Refusal::new(StatusCode::BAD_REQUEST, format!("the body has no end: {error}")),
    })?;
    let body = match encoding {
        Encoding::Identity => body,
        Encoding::Gzip => unpack(&body)?,
    };
    let response =
        intake.take(signal, body).map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, PROTOBUF)], response).into_response())
}

enum Encoding {
    Identity,
    Gzip,
}

/// How the body is packed, if it is one that can be read.
fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let unsupported = |message: String| Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    let media = text(header::CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") {
        return unsupported(format!("OTLP is read as {PROTOBUF} here, not as JSON: set the protocol to http/protobuf"));
    }
    if !media.eq_ignore_ascii_case(PROTOBUF) {
        return unsupported(format!("a body of {PROTOBUF} is expected, not of `{media}`"));
    }
    match text(header::CONTENT_ENCODING).map(str::trim).unwrap_or_default() {
        "" | "identity" => Ok(Encoding::Identity),
        "gzip" => Ok(Encoding::Gzip),
        other => unsupported(format!("a body is packed by gzip or not at all, not by `{other}`")),
    }
}

fn is_limit(error: &axum::Error) -> bool {
    std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source())
        .any(|error| error.is::<http_body_util::LengthLimitError>())
}

fn unpack(packed: &[u8]) -> Result<Bytes, Refusal> {
    let mut body = Vec::new();
    let read = MultiGzDecoder::new(packed).take(MOST_BYTES as u64 + 1).read_to_end(&mut body);
    read.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, format!("the body is no gzip: {error}")))?;
    if body.len() > MOST_BYTES { Err(Refusal::too_large()) } else { Ok(body.into()) }
}

async fn logs() -> Refusal {
    Refusal::new(StatusCode::NOT_IMPLEMENTED, NO_LOGS)
}

async fn unknown() -> Refusal {
    let message = "this receives OTLP: POST /v1/traces and /v1/metrics; GET /metrics is for Prometheus";
    Refusal::new(StatusCode::NOT_FOUND, message)
}

async fn ready() -> &'static str {
    "ready\n"
}

async fn prometheus(State(intake): State<Arc<Intake>>) -> Response {
    let sent = intake.metrics.lock().unwrap_or_else(PoisonError::into_inner).text(Instant::now());
    ([(header::CONTENT_TYPE, text::CONTENT_TYPE)], sent + &own(&intake.figures)).into_response()
}

/// What the receiver says about itself.
#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
fn own(figures: &Figures) -> String {
    let counters = [
        ("shopctl_telemetry_spans_stored_total", "Spans on disk.", &figures.stored),
        (
            "shopctl_telemetry_spans_dropped_total",
            "Spans let go because more came than could be stored.",
            &figures.shed,
        ),
        ("shopctl_telemetry_spans_lost_total", "Spans that could not be written.", &figures.lost),
        ("shopctl_telemetry_refused_total", "Spans and points that made no sense.", &figures.refused),
        ("shopctl_telemetry_forwarded_total", "Messages passed on.", &figures.forwarded),
        (
            "shopctl_telemetry_not_forwarded_total",
            "Messages that were to be passed on and were not.",
            &figures.not_forwarded,
        ),
    ];
    let gauges = [
        ("shopctl_telemetry_spans_queued", "Spans that wait to be written.", &figures.queued),
        ("shopctl_telemetry_store_bytes", "Of the store, on disk.", &figures.bytes),
    ];
    let all = counters.map(|one| (one, "counter")).into_iter().chain(gauges.map(|one| (one, "gauge")));
    let mut written = String::new();
    for ((name, help, figure), kind) in all {
        text::head(&mut written, name, kind, help);
        text::sample(&mut written, name, "", "", figure.get() as f64);
    }
    written
}

/// A page in a browser that has its own name lead here reads nothing: whoever means this machine says so.
async fn check_host(request: Request<Body>, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .map_or(host, |(name, port)| if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host });
    if matches!(name, "localhost" | "127.0.0.1" | "[::1]") {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, "this answers to localhost and 127.0.0.1 only\n").into_response()
}
