use std::str;

use rdkafka::{
    Message,
    message::{BorrowedMessage, Headers},
};
use serde::Deserialize;
use serde_json::Value;

/// A record of one of the shop's topics. Whoever may write there may have written anything: what does not fit the
/// contract is absent, never invented.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// The entity's id.
    pub key: Option<String>,
    /// CloudEvents id: the same for every redelivery of one event.
    pub id: Option<String>,
    /// `type` of the value.
    pub kind: Option<String>,
    /// `data` of the value; null if there is none.
    pub data: Value,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
}

impl Event {
    pub(crate) fn decode(message: &BorrowedMessage<'_>) -> Self {
        let text = |bytes: &[u8]| str::from_utf8(bytes).ok().map(str::to_owned);
        let header = |name: &str| {
            message.headers()?.iter().find(|header| header.key == name).and_then(|header| text(header.value?))
        };
        let body: Option<Body> = message.payload().and_then(|payload| serde_json::from_slice(payload).ok());
        let (kind, data) = body.map_or((None, Value::Null), |body| (Some(body.kind), body.data));
        Self {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().and_then(text),
            id: header("ce_id"),
            kind,
            data,
        }
    }
}
