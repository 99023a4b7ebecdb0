//! OTLP over gRPC. The messages are taken as bytes: both protocols share what reads them, and what is passed on is what
//! came.

use std::{
    future::{Future, Ready, ready},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Request, Response},
    routing::post,
};
use bytes::{Buf as _, BufMut as _, Bytes};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Status,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::{Grpc, UnaryService},
    service::Routes,
    transport::Server,
};

use super::{Error, MOST_BYTES, NO_LOGS};
use crate::intake::{Intake, Signal};

/// Calls at once on one connection.
const MOST_STREAMS: u32 = 64;

pub(super) async fn serve(
    listener: TcpListener,
    intake: Arc<Intake>,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let router = Router::new()
        .route(Signal::Traces.grpc_path(), post(traces))
        .route(Signal::Metrics.grpc_path(), post(metrics))
        .route("/opentelemetry.proto.collector.logs.v1.LogsService/{method}", post(logs))
        .fallback(unknown)
        .with_state(intake);
    Server::builder()
        .max_concurrent_streams(MOST_STREAMS)
        .add_routes(Routes::from(router))
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop)
        .await
        .map_err(|error| Error::Serve { protocol: "gRPC", source: error.into() })
}

async fn traces(State(intake): State<Arc<Intake>>, request: Request<Body>) -> Response<tonic::body::Body> {
    export(intake, Signal::Traces, request).await
}

async fn metrics(State(intake): State<Arc<Intake>>, request: Request<Body>) -> Response<tonic::body::Body> {
    export(intake, Signal::Metrics, request).await
}

async fn logs() -> Response<tonic::body::Body> {
    Status::unimplemented(NO_LOGS).into_http()
}

async fn unknown() -> Response<tonic::body::Body> {
    Status::unimplemented("this receives OTLP: the TraceService and the MetricsService").into_http()
}

async fn export(intake: Arc<Intake>, signal: Signal, request: Request<Body>) -> Response<tonic::body::Body> {
    let mut grpc = Grpc::new(Raw).accept_compressed(CompressionEncoding::Gzip).max_decoding_message_size(MOST_BYTES);
    grpc.unary(Export { intake, signal }, request).await
}

struct Export {
    intake: Arc<Intake>,
    signal: Signal,
}

impl UnaryService<Bytes> for Export {
    type Response = Bytes;
    type Future = Ready<Result<tonic::Response<Bytes>, Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let taken = self.intake.take(self.signal, request.into_inner());
        let response = taken.map(|response| tonic::Response::new(response.into()));
        // Not UNAVAILABLE or the like: it would be sent again, and be as malformed.
        ready(response.map_err(|error| Status::invalid_argument(error.to_string())))
    }
}

/// Messages as they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
