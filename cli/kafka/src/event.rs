use std::str;

use rdkafka::{
    Message,
    message::{BorrowedMessage, Headers},
};
use serde::Deserialize;
use serde_json::Value;

use crate::topics::{DEAD, ORDER_EVENTS};

/// A record of one of the shop's topics. Whoever may write there may have written anything: what does not fit the
/// contract is absent, never invented. Nothing in it is fit for a terminal as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// When it was published, or what its producer said instead: milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// The entity's id.
    pub key: Option<String>,
    /// CloudEvents id: the same for every redelivery of one event.
    pub id: Option<String>,
    /// `type` of the value.
    pub kind: Option<String>,
    /// The service that it happened in, by its CloudEvents header.
    pub source: Option<String>,
    /// The trace that it belongs to (W3C Trace Context).
    pub traceparent: Option<String>,
    /// `data` of the value; null if there is none.
    pub data: Value,
    /// All headers in their order, as they came; a name may stand there more than once.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The key as it came.
    pub raw_key: Option<Vec<u8>>,
    /// The value as it came.
    pub value: Option<Vec<u8>>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
}

impl Event {
    pub(crate) fn decode(message: &BorrowedMessage<'_>) -> Self {
        let own =
            |header: rdkafka::message::Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(<[u8]>::to_vec));
        let record = Record {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message.headers().into_iter().flat_map(Headers::iter).map(own).collect(),
        };
        record.into()
    }

    /// The last header of that name, as Kafka counts.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        last(&self.headers, name)
    }

    /// The same, if it is text.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<&str> {
        str::from_utf8(self.header(name)?).ok()
    }

    /// What happened: [`Event::kind`], or by the CloudEvents header if the value does not say.
    #[must_use]
    pub fn what(&self) -> Option<&str> {
        self.kind.as_deref().or_else(|| self.header_text("ce_type"))
    }

    /// The order that it is about, if it is about one.
    #[must_use]
    pub fn order(&self) -> Option<i64> {
        let told = self.data.get("order_id").and_then(Value::as_i64);
        let of_orders = self.topic.strip_suffix(DEAD).unwrap_or(&self.topic) == ORDER_EVENTS;
        told.or_else(|| self.key.as_deref().filter(|_| of_orders)?.parse().ok())
    }
}

/// A record before anything is made of it.
#[derive(Debug, Clone, Default)]
pub struct Record {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl From<Record> for Event {
    fn from(record: Record) -> Self {
        let text = |bytes: &[u8]| str::from_utf8(bytes).ok().map(str::to_owned);
        let header = |name: &str| last(&record.headers, name).and_then(text);
        let body: Option<Body> = record.value.as_deref().and_then(|value| serde_json::from_slice(value).ok());
        let (kind, data) = body.map_or((None, Value::Null), |body| (Some(body.kind), body.data));
        Self {
            key: record.key.as_deref().and_then(text),
            id: header("ce_id"),
            kind,
            source: header("ce_source"),
            traceparent: header("traceparent"),
            data,
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            headers: record.headers,
            raw_key: record.key,
            value: record.value,
        }
    }
}

fn last<'a>(headers: &'a [(String, Option<Vec<u8>>)], name: &str) -> Option<&'a [u8]> {
    headers.iter().rev().find(|(key, _)| key == name)?.1.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(topic: &str, key: &[u8], value: &[u8], headers: &[(&str, &[u8])]) -> Event {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), Some(value.to_vec()))).collect();
        let (key, value) = (Some(key.to_vec()), Some(value.to_vec()));
        Record { topic: topic.to_owned(), key, value, headers, ..Record::default() }.into()
    }

    #[test]
    fn an_order_is_known_by_what_the_event_says_or_by_its_key_in_the_orders_topics() {
        let told = event("x", b"1", br#"{"type":"t","data":{"order_id":7}}"#, &[]);
        assert_eq!(told.order(), Some(7));
        assert_eq!(event("order_events.dlt", b"9", b"garbage", &[]).order(), Some(9));
        assert_eq!(event("order_events", b"x", b"", &[]).order(), None);
        assert_eq!(event("product_events", b"9", b"", &[]).order(), None);
    }

    #[test]
    fn of_a_header_the_last_one_counts_and_what_is_no_text_is_absent() {
        let odd = event(
            "x",
            b"\xff",
            b"\xff",
            &[("ce_id", b"a"), ("ce_id", b"b"), ("ce_source", b"\xff"), ("ce_type", b"t")],
        );
        assert_eq!((odd.id.as_deref(), odd.source.as_deref(), odd.key.as_deref()), (Some("b"), None, None));
        assert_eq!(
            (odd.what(), odd.header("ce_source"), odd.raw_key.as_deref()),
            (Some("t"), Some(&b"\xff"[..]), Some(&b"\xff"[..]))
        );
    }
}
