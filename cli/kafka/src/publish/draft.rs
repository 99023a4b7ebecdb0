//! Events as a file has them: one JSON object on each line, with `key`, `type`, `data` and `headers`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::Outgoing;

/// The source of events that do not name one.
const SOURCE: &str = "shopctl";

/// A line that is no event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {why}")]
pub struct Malformed {
    /// From 1, as columns are.
    pub line: usize,
    pub column: usize,
    pub why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(default)]
    key: Option<Key>,
    r#type: String,
    /// As it stands: no figure is read and written again.
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a key is text or a whole number")]
enum Key {
    Text(String),
    Number(i64),
}

/// The events of a file, with the CloudEvents headers that they lack; lines without anything are passed over.
///
/// # Errors
/// Every line that is none.
pub fn read(text: &str) -> Result<Vec<Outgoing>, Vec<Malformed>> {
    let (mut events, mut malformed) = (Vec::new(), Vec::new());
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(line) => events.push(event(line)),
            Err(error) => malformed.push(refused(at + 1, &error)),
        }
    }
    if malformed.is_empty() { Ok(events) } else { Err(malformed) }
}

fn event(line: Line<'_>) -> Outgoing {
    let Line { key, r#type: kind, data, mut headers } = line;
    let value = format!(r#"{{"type":{},"data":{}}}"#, serde_json::Value::from(kind.as_str()), data.get());
    // Only years beyond 9999 can't be written.
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    let missing = [
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", Uuid::now_v7().to_string()),
        ("ce_type", kind),
        ("ce_source", SOURCE.to_owned()),
        ("ce_time", now),
    ];
    for (name, value) in missing {
        headers.entry(name.to_owned()).or_insert(Some(value));
    }
    let key = key.map(|key| match key {
        Key::Text(text) => text.into_bytes(),
        Key::Number(number) => number.to_string().into_bytes(),
    });
    let headers = headers.into_iter().map(|(name, value)| (name, value.map(String::into_bytes))).collect();
    Outgoing { partition: None, key, value: Some(value.into_bytes()), headers }
}

fn refused(line: usize, error: &serde_json::Error) -> Malformed {
    let said = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    Malformed { line, column: error.column(), why: said.strip_suffix(&place).unwrap_or(&said).to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'a>(event: &'a Outgoing, name: &str) -> Option<&'a str> {
        let value = event.headers.iter().find(|(key, _)| key == name)?.1.as_deref()?;
        std::str::from_utf8(value).ok()
    }

    #[test]
    fn what_an_event_lacks_of_cloudevents_is_added_and_what_it_says_stays() {
        let text = "{\"key\": 7, \"type\": \"order_paid\", \"data\": {\"total\": 12.50}}\n\n\
                    {\"type\":\"t\",\"data\":null,\"headers\":{\"ce_id\":\"mine\",\"ce_source\":\"me\",\"x\":null}}";
        let events = read(text).expect("two events");
        let [first, second] = &events[..] else { panic!("two: {events:?}") };
        assert_eq!(first.key.as_deref(), Some(&b"7"[..]));
        assert_eq!(first.value.as_deref(), Some(&br#"{"type":"order_paid","data":{"total": 12.50}}"#[..]));
        assert_eq!(header(first, "ce_specversion"), Some("1.0"));
        assert_eq!((header(first, "ce_type"), header(first, "ce_source")), (Some("order_paid"), Some("shopctl")));
        assert!(Uuid::parse_str(header(first, "ce_id").expect("an id")).is_ok());
        assert!(OffsetDateTime::parse(header(first, "ce_time").expect("a time"), &Rfc3339).is_ok());
        assert_eq!((header(second, "ce_id"), header(second, "ce_source")), (Some("mine"), Some("me")));
        assert!(second.key.is_none() && second.headers.contains(&("x".to_owned(), None)));
    }

    #[test]
    fn every_line_that_is_no_event_is_named() {
        let text = "{\"type\":\"t\",\"data\":1}\n{\"type\":\"t\"}\nnonsense\n{\"type\":\"t\",\"data\":1,\"kye\":2}\n\
                    {\"key\":[],\"type\":\"t\",\"data\":1}";
        let told: Vec<String> = read(text).expect_err("four are wrong").iter().map(ToString::to_string).collect();
        let parts =
            [("line 2", "data"), ("line 3", "expected"), ("line 4", "kye"), ("line 5", "text or a whole number")];
        assert_eq!(told.len(), parts.len(), "{told:?}");
        for (told, (line, why)) in told.iter().zip(parts) {
            assert!(told.starts_with(line) && told.contains(why), "{told}");
        }
    }
}
