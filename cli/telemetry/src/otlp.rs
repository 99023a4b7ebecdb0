//! From OTLP's messages to what is shown, and what both sides ask them.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, Span as Sent, span::SpanKind, status::StatusCode},
};

use crate::span::{Event, Kind, Link, Span, SpanId, Status, TraceId, Value};

/// For a resource that does not say who it is, as OpenTelemetry has it.
const NAMELESS: &str = "unknown_service";

pub(crate) fn service_name(resource: Option<&Resource>) -> &str {
    let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
    text(attributes, "service.name").filter(|name| !name.is_empty()).unwrap_or(NAMELESS)
}

/// An attribute that is text.
pub(crate) fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    attributes.iter().find(|attribute| attribute.key == key).and_then(text_of)
}

pub(crate) fn text_of(attribute: &KeyValue) -> Option<&str> {
    let any_value::Value::StringValue(text) = value_of(attribute)? else { return None };
    Some(text)
}

pub(crate) fn integer_of(attribute: &KeyValue) -> Option<i64> {
    let any_value::Value::IntValue(number) = value_of(attribute)? else { return None };
    Some(*number)
}

fn value_of(attribute: &KeyValue) -> Option<&any_value::Value> {
    attribute.value.as_ref()?.value.as_ref()
}

/// Its kind; what says none is internal.
pub(crate) fn kind(span: &Sent) -> Kind {
    match SpanKind::try_from(span.kind) {
        Ok(SpanKind::Server) => Kind::Server,
        Ok(SpanKind::Client) => Kind::Client,
        Ok(SpanKind::Producer) => Kind::Producer,
        Ok(SpanKind::Consumer) => Kind::Consumer,
        Ok(SpanKind::Internal | SpanKind::Unspecified) | Err(_) => Kind::Internal,
    }
}

pub(crate) fn is_error(span: &Sent) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32)
}

/// The spans of `trace`, which `resource` sent.
pub(crate) fn spans(trace: TraceId, resource: &str, sent: ResourceSpans) -> Vec<Span> {
    let scopes = sent.scope_spans.into_iter();
    let spans = scopes.flat_map(|scope| {
        let name = scope.scope.map(|scope| scope.name).unwrap_or_default();
        scope.spans.into_iter().map(move |span| (name.clone(), span))
    });
    spans.filter_map(|(scope, sent)| span(trace, resource, scope, sent)).collect()
}

fn span(trace: TraceId, resource: &str, scope: String, sent: Sent) -> Option<Span> {
    Some(Span {
        trace,
        id: SpanId::from_bytes(&sent.span_id)?,
        parent: SpanId::from_bytes(&sent.parent_span_id),
        resource: resource.to_owned(),
        scope,
        kind: kind(&sent),
        start: sent.start_time_unix_nano,
        end: sent.end_time_unix_nano.max(sent.start_time_unix_nano),
        name: sent.name,
        status: match sent.status.map(|status| (StatusCode::try_from(status.code), status.message)) {
            Some((Ok(StatusCode::Ok), _)) => Status::Ok,
            Some((Ok(StatusCode::Error), message)) => Status::Error(message),
            Some((Ok(StatusCode::Unset) | Err(_), _)) | None => Status::Unset,
        },
        attributes: attributes(sent.attributes),
        events: sent
            .events
            .into_iter()
            .map(|event| Event { at: event.time_unix_nano, name: event.name, attributes: attributes(event.attributes) })
            .collect(),
        links: sent
            .links
            .into_iter()
            .filter_map(|link| {
                Some(Link {
                    trace: TraceId::from_bytes(&link.trace_id)?,
                    span: SpanId::from_bytes(&link.span_id)?,
                    attributes: attributes(link.attributes),
                })
            })
            .collect(),
    })
}

fn attributes(sent: Vec<KeyValue>) -> Vec<(String, Value)> {
    sent.into_iter().map(|KeyValue { key, value: sent, .. }| (key, value(sent))).collect()
}

fn value(sent: Option<AnyValue>) -> Value {
    match sent.and_then(|value| value.value) {
        None => Value::Empty,
        Some(any_value::Value::StringValue(text)) => Value::Text(text),
        Some(any_value::Value::BoolValue(is)) => Value::Boolean(is),
        Some(any_value::Value::IntValue(number)) => Value::Integer(number),
        Some(any_value::Value::DoubleValue(number)) => Value::Float(number),
        Some(any_value::Value::BytesValue(bytes)) => Value::Text(hex::encode(bytes)),
        Some(any_value::Value::ArrayValue(list)) => {
            Value::List(list.values.into_iter().map(|one| value(Some(one))).collect())
        }
        Some(any_value::Value::KvlistValue(list)) => {
            let entries = list.values.into_iter().map(|entry| (entry.key, value(entry.value)));
            Value::Map(entries.collect::<BTreeMap<_, _>>())
        }
        // A place in a table that only profiles have.
        Some(any_value::Value::StringValueStrindex(_)) => Value::Empty,
    }
}
