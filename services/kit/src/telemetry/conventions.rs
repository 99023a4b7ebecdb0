//! The conventions' names for what is short in the logs: the same fields serve both. Done for the spans that somebody gets,
//! not for the many that nobody does.

use opentelemetry::{Key, Value};
use opentelemetry_sdk::trace::SpanData;

pub(super) fn apply(span: &mut SpanData) {
    let is_http = span.attributes.iter().any(|attribute| attribute.key.as_str() == "route");
    span.attributes.retain_mut(|attribute| {
        let name = match attribute.key.as_str() {
            // It is the span's own, and a field only for who reads the logs.
            "trace_id" => return false,
            "method" if is_http => "http.request.method",
            "method" => "rpc.method",
            "route" => "http.route",
            "topic" => "messaging.destination.name",
            "partition" => {
                attribute.value = Value::from(attribute.value.to_string());
                "messaging.destination.partition.id"
            }
            "offset" => "messaging.kafka.offset",
            "kind" => "cloudevents.event_type",
            "order" => "shop.order.id",
            "transaction" => "shop.transaction",
            _ => return true,
        };
        attribute.key = Key::from_static_str(name);
        true
    });
}
