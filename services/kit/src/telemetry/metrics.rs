//! What is measured of all requests, kept or not: the conventions' instruments, with few attributes, and two of the shop's.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;

use super::export;

/// Seconds, as the conventions advise.
const BOUNDARIES: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The same for what is a matter of single milliseconds.
const FINE: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

pub(super) struct Instruments {
    pub(super) http: Histogram<f64>,
    pub(super) rpc: Histogram<f64>,
    pub(super) database: Histogram<f64>,
    consumed: Counter<u64>,
    sent: Counter<u64>,
    backlog: Gauge<u64>,
}

impl Instruments {
    pub(super) fn new(provider: &SdkMeterProvider) -> Self {
        let meter = provider.meter(super::SCOPE);
        Self {
            http: seconds(&meter, "http.server.request.duration", &BOUNDARIES),
            rpc: seconds(&meter, "rpc.server.call.duration", &BOUNDARIES),
            database: seconds(&meter, "db.client.operation.duration", &FINE),
            consumed: meter.u64_counter("messaging.client.consumed.messages").with_unit("{message}").build(),
            sent: meter.u64_counter("messaging.client.sent.messages").with_unit("{message}").build(),
            backlog: meter.u64_gauge("shop.outbox.pending").with_unit("{message}").build(),
        }
    }
}

fn seconds(meter: &Meter, name: &'static str, boundaries: &[f64]) -> Histogram<f64> {
    meter.f64_histogram(name).with_unit("s").with_boundaries(boundaries.to_vec()).build()
}

/// An answered HTTP request.
pub(crate) fn answered_http(method: &'static str, route: &str, status: u16, took: Duration) {
    let Some(export) = export::get() else { return };
    let mut attributes = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.route", route.to_owned()),
        KeyValue::new("http.response.status_code", i64::from(status)),
        KeyValue::new("url.scheme", "http"),
    ];
    if status >= 500 {
        attributes.push(KeyValue::new("error.type", status.to_string()));
    }
    export.instruments.http.record(took.as_secs_f64(), &attributes);
}

/// An answered call over gRPC; `failed` if the server is to blame.
pub(crate) fn answered_grpc(method: &str, status: &'static str, failed: bool, took: Duration) {
    let Some(export) = export::get() else { return };
    let mut attributes = vec![
        KeyValue::new("rpc.system.name", "grpc"),
        KeyValue::new("rpc.method", method.to_owned()),
        KeyValue::new("rpc.response.status_code", status),
    ];
    if failed {
        attributes.push(KeyValue::new("error.type", status));
    }
    export.instruments.rpc.record(took.as_secs_f64(), &attributes);
}

/// What was asked of a database, and has ended.
pub(crate) fn asked_database(system: &'static str, operation: &'static str, error: Option<&str>, took: Duration) {
    let Some(export) = export::get() else { return };
    let mut attributes = vec![KeyValue::new("db.system.name", system), KeyValue::new("db.operation.name", operation)];
    attributes.extend(error.map(|error| KeyValue::new("error.type", error.to_owned())));
    export.instruments.database.record(took.as_secs_f64(), &attributes);
}

/// So many messages of a topic were taken in by a consumer group.
pub fn consumed(topic: &str, group: &str, messages: u64) {
    let Some(export) = export::get() else { return };
    let attributes = [
        KeyValue::new("messaging.system", "kafka"),
        KeyValue::new("messaging.operation.name", "process"),
        KeyValue::new("messaging.destination.name", topic.to_owned()),
        KeyValue::new("messaging.consumer.group.name", group.to_owned()),
    ];
    export.instruments.consumed.add(messages, &attributes);
}

/// How many records of a partition a consumer group has still to deal with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    pub topic: String,
    pub partition: i32,
    pub records: u64,
}

/// Has `lags` asked, each time that metrics are sent, how far this member of a consumer group is behind. The conventions have
/// no such instrument: the name is that of OpenTelemetry's collector.
pub fn measure_lag(group: &str, lags: impl Fn() -> Vec<Lag> + Send + Sync + 'static) {
    let Some(export) = export::get() else { return };
    let group = group.to_owned();
    let gauge = export.meter.u64_observable_gauge("kafka.consumer_group.lag").with_unit("{message}");
    gauge
        .with_callback(move |observer| {
            for Lag { topic, partition, records } in lags() {
                let attributes = [
                    KeyValue::new("messaging.system", "kafka"),
                    KeyValue::new("messaging.consumer.group.name", group.clone()),
                    KeyValue::new("messaging.destination.name", topic),
                    KeyValue::new("messaging.destination.partition.id", partition.to_string()),
                ];
                observer.observe(records, &attributes);
            }
        })
        .build();
}

/// A message was given to a topic; `error` if it was not.
pub fn sent(topic: &str, error: Option<&'static str>) {
    let Some(export) = export::get() else { return };
    let mut attributes = vec![
        KeyValue::new("messaging.system", "kafka"),
        KeyValue::new("messaging.operation.name", "send"),
        KeyValue::new("messaging.destination.name", topic.to_owned()),
    ];
    attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
    export.instruments.sent.add(1, &attributes);
}

/// So many events wait in the outbox; where a batch is full, at least as many.
pub fn backlog(events: usize) {
    let Some(export) = export::get() else { return };
    export.instruments.backlog.record(events as u64, &[]);
}
