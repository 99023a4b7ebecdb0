use kit::telemetry::{self, attribute_of};
use kit::text;
use rdkafka::Message;
use rdkafka::message::{Headers, OwnedMessage};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::{Span, field};
use uuid::Uuid;

use crate::handler::HandleError;

/// An event as it came from the broker.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The `ce_id`, if it is a UUID. Else one that is derived from `ce_source` and `ce_id`, or, for producers that know
    /// no CloudEvents, from the record itself: the same record always has the same id.
    pub id: Uuid,
    pub topic: String,
    pub key: String,
    /// `type` in the JSON.
    pub kind: String,
    pub data: serde_json::Value,
    pub time: OffsetDateTime,
    pub traceparent: Option<String>,
}

/// A record that is no event at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the record has no value")]
    Empty,
    #[error("the value is no JSON object with a type and data: {0}")]
    NotAnEvent(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Value {
    r#type: String,
    data: serde_json::Map<String, serde_json::Value>,
}

impl Received {
    /// `data` as what the consumer understands by it; a mismatch is the event's fault.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, HandleError> {
        T::deserialize(&self.data).map_err(|error| HandleError::Refused(format!("data of {}: {error}", self.kind)))
    }

    /// The span of whoever tells somebody of it that waits for it. Where nothing is exported it is none.
    pub fn telling(&self) -> Span {
        if !telemetry::is_exporting() {
            return Span::none();
        }
        let span = tracing::info_span!(
            "event",
            topic = self.topic,
            kind = field::Empty,
            trace_id = field::Empty,
            otel.name = format!("process {}", self.topic),
            otel.kind = "consumer"
        );
        self.describe(&span);
        telemetry::record_trace_id(&span);
        processes(&span);
        span
    }

    /// Has a span go on with the producer's, and be linked to it, as the conventions ask of one that may be among many.
    pub(crate) fn describe(&self, span: &Span) {
        span.record("kind", text::escape_control(&self.kind).as_ref());
        if let Some(traceparent) = &self.traceparent {
            telemetry::set_parent(span, traceparent);
            telemetry::link(span, traceparent);
        }
        if telemetry::is_exporting() {
            attribute_of(span, "messaging.message.id", self.id.to_string());
            attribute_of(span, "messaging.kafka.message.key", self.key.clone());
            for (name, id) in self.ids() {
                attribute_of(span, name, id);
            }
        }
    }

    /// The ids in its data, of whatever entities: `order_id` as `shop.order.id`.
    fn ids(&self) -> impl Iterator<Item = (String, telemetry::Value)> {
        self.data.as_object().into_iter().flatten().filter_map(|(field, value)| {
            let id = match value {
                serde_json::Value::Number(number) => number.as_i64()?.into(),
                serde_json::Value::String(text) => text.clone().into(),
                _ => return None,
            };
            Some((format!("shop.{}.id", field.strip_suffix("_id")?), id))
        })
    }

    pub(crate) fn parse(record: &OwnedMessage) -> Result<Self, Malformed> {
        let value: Value = serde_json::from_slice(record.payload().ok_or(Malformed::Empty)?)?;
        Ok(Self {
            id: id(record),
            topic: record.topic().to_owned(),
            key: String::from_utf8_lossy(record.key().unwrap_or_default()).into_owned(),
            kind: value.r#type,
            data: value.data.into(),
            time: time(record),
            traceparent: header(record, telemetry::TRACEPARENT).map(str::to_owned),
        })
    }
}

/// Says of a span that it deals with a record.
pub(crate) fn processes(span: &Span) {
    attribute_of(span, "messaging.system", "kafka");
    attribute_of(span, "messaging.operation.name", "process");
    attribute_of(span, "messaging.operation.type", "process");
}

/// The last header of that name, as Kafka counts.
fn bytes<'a>(record: &'a OwnedMessage, name: &str) -> Option<&'a [u8]> {
    record.headers()?.iter().filter(|header| header.key == name).last()?.value
}

/// The same as text, if it is some.
fn header<'a>(record: &'a OwnedMessage, name: &str) -> Option<&'a str> {
    std::str::from_utf8(bytes(record, name)?).ok()
}

fn id(record: &OwnedMessage) -> Uuid {
    match bytes(record, "ce_id") {
        Some(id) => Uuid::try_parse_ascii(id)
            .unwrap_or_else(|_| derived(&[b"ce", bytes(record, "ce_source").unwrap_or_default(), id])),
        // The time too, so that a topic that was deleted and made again does not repeat the ids of the first.
        None => derived(&[
            b"record",
            record.topic().as_bytes(),
            &record.partition().to_be_bytes(),
            &record.offset().to_be_bytes(),
            &record.timestamp().to_millis().unwrap_or_default().to_be_bytes(),
        ]),
    }
}

/// A UUID (version 8) that is the same for the same parts and different for others.
fn derived(parts: &[&[u8]]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// When it happened, as its producer says; else when it was published.
fn time(record: &OwnedMessage) -> OffsetDateTime {
    let told = header(record, "ce_time").and_then(|time| OffsetDateTime::parse(time, &Rfc3339).ok());
    let published = || {
        let millis = record.timestamp().to_millis()?;
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
    };
    told.or_else(published).unwrap_or_else(OffsetDateTime::now_utc)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rdkafka::Timestamp;
    use rdkafka::message::{Header, OwnedHeaders};
    use serde_json::json;

    use super::*;
    use crate::Event;

    fn record(value: Option<&[u8]>, headers: &[(&str, &[u8])], offset: i64) -> OwnedMessage {
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(*value) }));
        OwnedMessage::new(
            value.map(<[u8]>::to_vec),
            Some(b"7".to_vec()),
            "t".into(),
            Timestamp::CreateTime(1000),
            0,
            offset,
            Some(headers),
        )
    }

    #[test]
    fn what_was_sent_is_what_is_received() {
        let event = Event::new("t", "order", 7, "order_created", &json!({"order_id": 7})).expect("JSON");
        let sent = OwnedMessage::new(
            Some(event.value.clone()),
            Some(b"7".to_vec()),
            "t".into(),
            Timestamp::NotAvailable,
            2,
            5,
            Some(event.headers(event.traceparent.as_deref())),
        );
        let received = Received::parse(&sent).expect("well-formed");
        assert_eq!((received.id, received.key.as_str(), received.kind.as_str()), (event.id, "7", "order_created"));
        assert_eq!(received.data, json!({"order_id": 7}));
        assert_eq!(received.time, event.time);
    }

    #[test]
    fn a_producer_without_cloud_events_is_understood_and_its_records_told_apart() {
        let value = Some(&br#"{"type": "product_created", "data": {"price": 1.5}}"#[..]);
        let first = Received::parse(&record(value, &[], 1)).expect("well-formed");
        let again = Received::parse(&record(value, &[], 1)).expect("well-formed");
        let other = Received::parse(&record(value, &[], 2)).expect("well-formed");
        assert_eq!(first.id, again.id);
        assert_ne!(first.id, other.id);
        assert_eq!(first.time.unix_timestamp(), 1);
    }

    #[test]
    fn an_id_that_is_no_uuid_counts_per_source_wherever_the_record_stands() {
        let value = Some(&br#"{"type": "x", "data": {}}"#[..]);
        let id = |source: &[u8], offset| {
            Received::parse(&record(value, &[("ce_id", b"\xfe42"), ("ce_source", source)], offset))
                .expect("well-formed")
                .id
        };
        // Nor is it always text.
        for source in [&b"a"[..], b"\xff"] {
            assert_eq!(id(source, 1), id(source, 2));
        }
        assert_ne!(id(b"a", 1), id(b"b", 1));
    }

    #[test]
    fn what_is_no_event_is_malformed() {
        for value in [
            None,
            Some(&b""[..]),
            Some(b"\xff\x00"),
            Some(b"[]"),
            Some(b"{}"),
            Some(br#"{"type": "x"}"#),
            Some(br#"{"type": 1, "data": {}}"#),
            Some(br#"{"type": "x", "data": []}"#),
        ] {
            assert!(Received::parse(&record(value, &[], 1)).is_err(), "{value:?}");
        }
        let odd = record(
            Some(br#"{"type": "x", "data": {}}"#),
            &[("ce_id", b"\xff"), ("ce_time", b"soon"), ("traceparent", b"\xff")],
            1,
        );
        assert_eq!(Received::parse(&odd).expect("odd headers are no reason").traceparent, None);
    }

    proptest! {
        #[test]
        fn no_record_makes_the_decoder_panic_and_the_same_one_always_has_the_same_id(
            value in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..100)),
            almost in r#"\{"type": ?("[a-z]{0,3}"|1|null), ?"data": ?(\{("a":[0-9]{1,30})?\}|\[\]|null)\}?"#,
            headers in proptest::collection::vec(
                ("ce_id|ce_source|ce_time|traceparent|x", proptest::collection::vec(any::<u8>(), 0..40)), 0..5),
            offset: i64,
        ) {
            let headers: Vec<(&str, &[u8])> = headers.iter().map(|(key, value)| (key.as_str(), value.as_slice())).collect();
            for value in [value.as_deref(), Some(almost.as_bytes())] {
                let record = record(value, &headers, offset);
                if let (Ok(once), Ok(again)) = (Received::parse(&record), Received::parse(&record)) {
                    prop_assert_eq!(once.id, again.id);
                }
            }
        }

        #[test]
        fn every_event_arrives_as_it_was(key: String, kind: String, text: String, number: i64) {
            let data = json!({"text": text, "number": number});
            let event = Event::new("t", "order", &key, &kind, &data).expect("JSON");
            let sent = OwnedMessage::new(
                Some(event.value.clone()), Some(key.clone().into_bytes()), "t".into(), Timestamp::NotAvailable, 0, 0,
                Some(event.headers(event.traceparent.as_deref())),
            );
            let received = Received::parse(&sent).expect("well-formed");
            prop_assert_eq!((received.id, received.key, received.kind, received.data), (event.id, key, kind, data));
        }
    }
}
