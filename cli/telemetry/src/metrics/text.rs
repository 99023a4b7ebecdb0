//! Prometheus' text format.

use std::fmt::Write as _;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};

/// Version of the format.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writing to a string does not fail.
pub(crate) fn head(to: &mut String, name: &str, kind: &str, help: &str) {
    if !help.is_empty() {
        let _ = writeln!(to, "# HELP {name} {}", help.replace('\\', "\\\\").replace('\n', "\\n"));
    }
    let _ = writeln!(to, "# TYPE {name} {kind}");
}

pub(crate) fn sample(to: &mut String, name: &str, labels: &str, more: &str, value: f64) {
    let comma = if labels.is_empty() || more.is_empty() { "" } else { "," };
    let value = match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    };
    let _ = match labels.len() + more.len() {
        0 => writeln!(to, "{name} {value}"),
        _ => writeln!(to, "{name}{{{labels}{comma}{more}}} {value}"),
    };
}

/// The common labels and those of a point, which are sorted: the same attributes are the same series in any order.
pub(super) fn labels(common: &str, attributes: &[KeyValue]) -> String {
    let mut own: Vec<String> = attributes.iter().map(|one| label(&key(&one.key), &value(one.value.as_ref()))).collect();
    own.sort_unstable();
    let labels = std::iter::once(common.to_owned()).chain(own).filter(|label| !label.is_empty());
    labels.collect::<Vec<_>>().join(",")
}

pub(crate) fn label(key: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{key}=\"{value}\"")
}

fn key(key: &str) -> String {
    let plain = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect::<String>();
    if plain.starts_with(|first: char| first.is_ascii_digit()) { format!("key_{plain}") } else { plain }
}

fn value(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(any_value::Value::StringValueStrindex(_)) => String::new(),
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::BoolValue(is)) => is.to_string(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::DoubleValue(number)) => number.to_string(),
        Some(any_value::Value::BytesValue(bytes)) => hex::encode(bytes),
        Some(any_value::Value::ArrayValue(list)) => {
            let values = list.values.iter().map(|one| self::value(Some(one)));
            format!("[{}]", values.collect::<Vec<_>>().join(","))
        }
        Some(any_value::Value::KvlistValue(list)) => {
            let entries = list.values.iter().map(|one| format!("{}={}", one.key, self::value(one.value.as_ref())));
            format!("[{}]", entries.collect::<Vec<_>>().join(","))
        }
    }
}
