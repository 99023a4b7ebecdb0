use rdkafka::message::{Header, OwnedHeaders};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// Something that happened to an entity, as it goes into the outbox and from there to the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// One for each state change: who sees it twice sees a redelivery.
    pub id: Uuid,
    pub topic: String,
    /// The entity's id: events of one key keep their order.
    pub key: String,
    /// What happened: `type` in the JSON, `ce_type` in the headers.
    pub kind: String,
    /// The service that it happened in.
    pub source: String,
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// The JSON `{"type": ..., "data": ...}`.
    pub value: Vec<u8>,
    pub traceparent: Option<String>,
}

impl Event {
    /// An event of now, in the current trace.
    ///
    /// # Errors
    /// `data` has no JSON form.
    pub fn new(
        topic: &str,
        source: &str,
        key: impl ToString,
        kind: &str,
        data: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        #[derive(Serialize)]
        struct Value<'a, T> {
            r#type: &'a str,
            data: &'a T,
        }
        Ok(Self {
            id: Uuid::now_v7(),
            topic: topic.to_owned(),
            key: key.to_string(),
            kind: kind.to_owned(),
            source: source.to_owned(),
            time: OffsetDateTime::now_utc(),
            value: serde_json::to_vec(&Value { r#type: kind, data })?,
            traceparent: kit::telemetry::traceparent(),
        })
    }

    /// CloudEvents, in their binary mode for Kafka, and the trace: whoever takes the event in goes on with `traceparent`.
    pub(crate) fn headers(&self, traceparent: Option<&str>) -> OwnedHeaders {
        let id = self.id.to_string();
        // Only years beyond 9999 can't be written.
        let time = self.time.format(&Rfc3339).unwrap_or_default();
        let ours = [
            ("ce_specversion", "1.0"),
            ("ce_id", &id),
            ("ce_type", &self.kind),
            ("ce_source", &self.source),
            ("ce_time", &time),
        ];
        let trace = traceparent.map(|traceparent| (kit::telemetry::TRACEPARENT, traceparent));
        ours.into_iter()
            .chain(trace)
            .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
    }
}
