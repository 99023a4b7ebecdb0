//! Spans as a service sends them.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::SpanKind},
};
use shopctl_telemetry::{SpanId, TraceId};

/// A second: they all begin in the same one.
pub(crate) const BEGIN: u64 = 1_795_766_400_000_000_000;

pub(crate) fn trace(number: u64) -> TraceId {
    let mut id = [0xab; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    TraceId(id)
}

pub(crate) fn id(number: u64) -> SpanId {
    SpanId(number.to_be_bytes())
}

pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

pub(crate) fn integer(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// A span of `trace` that takes a millisecond.
pub(crate) fn span(
    trace: TraceId,
    number: u64,
    parent: Option<u64>,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
) -> Span {
    Span {
        trace_id: trace.0.to_vec(),
        span_id: id(number).0.to_vec(),
        parent_span_id: parent.map(|parent| id(parent).0.to_vec()).unwrap_or_default(),
        name: format!("span {number}"),
        kind: kind.into(),
        start_time_unix_nano: BEGIN + number,
        end_time_unix_nano: BEGIN + number + 1_000_000,
        attributes,
        ..Span::default()
    }
}

pub(crate) fn failed(mut span: Span, why: &str) -> Span {
    span.status = Some(Status { message: why.to_owned(), code: 2 });
    span
}

pub(crate) fn export(resource: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope = InstrumentationScope { name: "tests".to_owned(), ..InstrumentationScope::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource = Resource { attributes: vec![text("service.name", resource)], ..Resource::default() };
    let sent = ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![sent] }
}

/// A trace of one span.
pub(crate) fn single(number: u64) -> ExportTraceServiceRequest {
    export("order", vec![span(trace(number), 1, None, SpanKind::Internal, Vec::new())])
}
