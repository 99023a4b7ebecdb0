//! An unpublished event, as the stores hold it.

use bus::Event;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use uuid::Uuid;

#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    id: Uuid,
    topic: String,
    key: String,
    kind: String,
    source: String,
    #[serde(with = "time::serde::rfc3339")]
    time: OffsetDateTime,
    value: Box<RawValue>,
    traceparent: Option<String>,
}

impl Record {
    pub(super) fn encode(event: &Event) -> Result<String, serde_json::Error> {
        let value = serde_json::from_slice(&event.value)?;
        let Event { id, topic, key, kind, source, time, value: _, traceparent } = event.clone();
        serde_json::to_string(&Self { id, topic, key, kind, source, time, value, traceparent })
    }

    pub(super) fn decode(json: &[u8]) -> Result<Event, serde_json::Error> {
        let Self { id, topic, key, kind, source, time, value, traceparent } = serde_json::from_slice(json)?;
        let value = value.get().as_bytes().to_vec();
        Ok(Event { id, topic, key, kind, source, time, value, traceparent })
    }
}
