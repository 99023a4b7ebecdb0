//! A receiver of traces and metrics, over OTLP by gRPC, that keeps what it gets for a test to look at.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    metrics::v1::Metric,
    resource::v1::Resource,
    trace::v1::Span as Wire,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

/// Somebody who takes in what programs export; ends with this value. Needs a runtime around it.
pub struct Sink {
    address: SocketAddr,
    kept: Kept,
    server: JoinHandle<()>,
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    spans: Vec<Span>,
    metrics: Vec<(String, Metric)>,
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A span and who sent it.
#[derive(Debug, Clone)]
pub struct Span {
    pub service: String,
    pub resource: Resource,
    pub wire: Wire,
}

impl Sink {
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let kept = Kept::default();
        let server = Server::builder()
            .add_service(TraceServiceServer::new(kept.clone()))
            .add_service(MetricsServiceServer::new(kept.clone()))
            .serve_with_incoming(TcpIncoming::from(listener));
        let server = tokio::spawn(async { server.await.expect("it serves until it is ended") });
        Self { address, kept, server }
    }

    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that has come.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.kept.lock().spans.clone()
    }

    /// How many have come, and forgets them.
    #[must_use]
    pub fn take(&self) -> usize {
        std::mem::take(&mut self.kept.lock().spans).len()
    }

    /// The names of all metrics that have come from a service.
    #[must_use]
    pub fn metrics(&self, service: &str) -> Vec<String> {
        let kept = self.kept.lock();
        let mut names: Vec<_> =
            kept.metrics.iter().filter(|(of, _)| of == service).map(|(_, metric)| metric.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for sent in request.into_inner().resource_spans {
            let resource = sent.resource.unwrap_or_default();
            let service = text(&resource.attributes, "service.name").unwrap_or_default();
            let spans = sent.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.lock().spans.extend(spans.map(|wire| Span {
                service: service.clone(),
                resource: resource.clone(),
                wire,
            }));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Kept {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        for sent in request.into_inner().resource_metrics {
            let service = text(&sent.resource.unwrap_or_default().attributes, "service.name").unwrap_or_default();
            let metrics = sent.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            self.lock().metrics.extend(metrics.map(|metric| (service.clone(), metric)));
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

impl Span {
    #[must_use]
    pub fn name(&self) -> &str {
        &self.wire.name
    }

    /// Its trace's id in hexadecimal digits.
    #[must_use]
    pub fn trace(&self) -> String {
        hex(&self.wire.trace_id)
    }

    #[must_use]
    pub fn id(&self) -> &[u8] {
        &self.wire.span_id
    }

    /// Empty for a root.
    #[must_use]
    pub fn parent(&self) -> &[u8] {
        &self.wire.parent_span_id
    }

    /// An attribute as text, whatever it is.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<String> {
        text(&self.wire.attributes, key)
    }

    #[must_use]
    pub fn resource(&self, key: &str) -> Option<String> {
        text(&self.resource.attributes, key)
    }

    /// Whether it says that it failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.wire.status.as_ref().is_some_and(|status| status.code == 2)
    }
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value: &AnyValue = attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?;
    match value.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::BoolValue(word) => Some(word.to_string()),
        Value::IntValue(number) => Some(number.to_string()),
        Value::DoubleValue(number) => Some(number.to_string()),
        _ => Some(format!("{value:?}")),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
