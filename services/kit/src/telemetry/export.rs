//! Sending spans and metrics to a receiver over OTLP, in the background. A service owes its receiver nothing: what it does
//! not take in time is dropped, and only that it is away, and that it is back, is worth a line.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider, SpanData, SpanExporter as Exporter,
};
use tonic::transport::Endpoint;
use uuid::Uuid;

use super::keeper::Keeper;
use super::metrics::Instruments;
use super::sampler::Sampler;
use crate::config::{self, Lookup};

/// Where to send to, and the variable that turns all of this on.
pub(super) const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// The longest that one batch may take, if nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long spans wait for others to go with.
const TOGETHER: Duration = Duration::from_millis(500);
/// Spans that wait, at most: some megabytes. More are dropped.
const QUEUE: usize = 4096;
/// How often metrics are sent, if nothing else is said.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long the last spans and metrics may take at the end of the process.
const FLUSH: Duration = Duration::from_millis(300);

static EXPORT: OnceLock<Export> = OnceLock::new();

/// The process ends, and its receiver may end with it: that is no news.
static ENDING: AtomicBool = AtomicBool::new(false);

/// What the process exports through.
pub(super) struct Export {
    pub(super) tracer: SdkTracer,
    pub(super) instruments: Instruments,
    /// For what is measured only when it is sent.
    pub(super) meter: Meter,
    pub(super) interval: Duration,
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
}

/// That there is a receiver to send to, if there is.
pub(super) fn get() -> Option<&'static Export> {
    EXPORT.get()
}

/// What the environment says about exporting.
#[derive(Debug)]
pub(super) struct Settings {
    endpoint: Endpoint,
    timeout: Duration,
    interval: Duration,
    /// The SDK reads the variables of its own samplers and queue itself.
    own_sampler: bool,
    own_pace: bool,
    own_queue: bool,
    service: &'static str,
    /// What it is to be called instead.
    name: Option<String>,
    namespace: String,
}

impl Settings {
    /// `None` if nothing is to be exported.
    ///
    /// # Errors
    /// The endpoint is no `http://HOST:PORT`, or a time is no number of milliseconds.
    pub(super) fn from_lookup(service: &'static str, lookup: &Lookup) -> Result<Option<Self>, config::Error> {
        let Some(url) = lookup.optional::<String>(ENDPOINT)? else { return Ok(None) };
        let endpoint = Endpoint::from_shared(url).map_err(|error| config::Error::invalid(ENDPOINT, error))?;
        if endpoint.uri().scheme_str() != Some("http") || endpoint.uri().host().is_none() {
            return Err(config::Error::invalid(ENDPOINT, "it must be http://HOST:PORT, of a receiver over gRPC"));
        }
        let milliseconds =
            |name, default| Ok::<_, config::Error>(lookup.optional(name)?.map_or(default, Duration::from_millis));
        let unset = |name| Ok::<_, config::Error>(lookup.optional::<String>(name)?.is_none());
        Ok(Some(Self {
            endpoint,
            timeout: milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT", TIMEOUT)?,
            interval: milliseconds("OTEL_METRIC_EXPORT_INTERVAL", INTERVAL)?,
            own_sampler: unset("OTEL_TRACES_SAMPLER")?,
            own_pace: unset("OTEL_BSP_SCHEDULE_DELAY")?,
            own_queue: unset("OTEL_BSP_MAX_QUEUE_SIZE")?,
            service,
            name: lookup.optional("OTEL_SERVICE_NAME")?,
            namespace: format!("shopctl/{}", lookup.or("SHOP_INSTANCE", "default".to_owned())?),
        }))
    }

    /// Begins to export, for the rest of the process; the first call counts. Needs a runtime around it, which carries the
    /// connection, and gives the provider of all tracers.
    ///
    /// # Errors
    /// The exporters' own variables can't be understood.
    pub(super) fn start(self) -> Result<SdkTracerProvider, config::Error> {
        let unusable = |error| config::Error::invalid(ENDPOINT, error);
        let told = self.endpoint.uri().to_string();
        let channel = self.endpoint.clone().connect_timeout(self.timeout).timeout(self.timeout).connect_lazy();
        let spans = SpanExporter::builder().with_tonic().with_channel(channel.clone()).with_timeout(self.timeout);
        let spans = Quiet::new(spans.build().map_err(unusable)?, "spans", &told);
        let metrics = MetricExporter::builder().with_tonic().with_channel(channel).with_timeout(self.timeout);
        let metrics = Quiet::new(metrics.build().map_err(unusable)?, "metrics", &told);
        let resource = self.resource();
        let mut batches = BatchConfigBuilder::default();
        if self.own_pace {
            batches = batches.with_scheduled_delay(TOGETHER);
        }
        if self.own_queue {
            batches = batches.with_max_queue_size(QUEUE);
        }
        let batches = BatchSpanProcessor::builder(spans).with_batch_config(batches.build()).build();
        let traces =
            SdkTracerProvider::builder().with_resource(resource.clone()).with_span_processor(Keeper::new(batches));
        let traces = if self.own_sampler { traces.with_sampler(Sampler::new()) } else { traces }.build();
        let reader = PeriodicReader::builder(metrics).with_interval(self.interval).build();
        let metrics = SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build();
        let export = Export {
            tracer: traces.tracer(super::SCOPE),
            instruments: Instruments::new(&metrics),
            meter: metrics.meter(super::SCOPE),
            interval: self.interval,
            traces: traces.clone(),
            metrics,
        };
        // A second one, in a test's process, is not asked for anything.
        let _ = EXPORT.set(export);
        Ok(traces)
    }

    /// Who sends: what `OTEL_RESOURCE_ATTRIBUTES` says goes before what is known here.
    fn resource(&self) -> Resource {
        let own = [
            ("service.name", self.service.to_owned()),
            ("service.namespace", self.namespace.clone()),
            ("service.instance.id", Uuid::new_v4().to_string()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let resource = Resource::builder_empty()
            .with_attributes(own.map(|(key, value)| KeyValue::new(key, value)))
            .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())]);
        match &self.name {
            Some(name) => resource.with_service_name(name.clone()),
            None => resource,
        }
        .build()
    }
}

/// Sends what is left, for a moment at most. To be called at the end, while the runtime still runs.
pub(super) fn flush() {
    let Some(export) = EXPORT.get() else { return };
    ENDING.store(true, Ordering::Relaxed);
    let deadline = Instant::now() + FLUSH;
    let (ended, end) = mpsc::channel();
    let ended_too = ended.clone();
    // The SDK waits longer than it is told to; its threads may stay behind.
    thread::spawn(move || drop((export.traces.shutdown_with_timeout(FLUSH), ended.send(()))));
    thread::spawn(move || drop((export.metrics.shutdown_with_timeout(FLUSH), ended_too.send(()))));
    for _ in 0..2 {
        if end.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_err() {
            return;
        }
    }
}

/// An exporter that says once that its receiver is away, and once that it is back.
#[derive(Debug)]
struct Quiet<E> {
    exporter: E,
    what: &'static str,
    endpoint: String,
    away: AtomicBool,
}

impl<E> Quiet<E> {
    fn new(exporter: E, what: &'static str, endpoint: &str) -> Self {
        Self { exporter, what, endpoint: endpoint.to_owned(), away: AtomicBool::new(false) }
    }

    fn told(&self, result: OTelSdkResult) -> OTelSdkResult {
        let (what, endpoint) = (self.what, &self.endpoint);
        match &result {
            Err(error) if !self.away.swap(true, Ordering::Relaxed) && !ENDING.load(Ordering::Relaxed) => {
                tracing::warn!("{what} can't be sent to {endpoint} and are dropped until they can: {error}");
            }
            Ok(()) if self.away.swap(false, Ordering::Relaxed) => tracing::info!("{what} are sent to {endpoint} again"),
            Ok(()) | Err(_) => {}
        }
        result
    }
}

impl<E: Exporter> Exporter for Quiet<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.told(self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Quiet<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.told(self.exporter.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(endpoint: &'static str) -> Result<Option<Settings>, config::Error> {
        let lookup = Lookup::new(move |name| (name == ENDPOINT).then(|| endpoint.to_owned()));
        Settings::from_lookup("test", &lookup)
    }

    #[test]
    fn nothing_is_sent_unless_a_receiver_is_named_and_it_has_to_be_one_that_is_understood() {
        assert!(settings("").expect("not set").is_none());
        assert!(settings("http://127.0.0.1:4317").expect("a receiver").is_some());
        for endpoint in ["127.0.0.1:4317", "https://collector:4317", "/tmp/socket", "http://", "no where"] {
            let error = settings(endpoint).expect_err(endpoint).to_string();
            assert!(error.contains(ENDPOINT), "{error}");
        }
    }
}
