//! Events on their way to stdout: a line each, laid out over several, or JSON.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, BufWriter, Stdout, Write as _},
};

use anstream::{AutoStream, ColorChoice};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use owo_colors::{OwoColorize as _, Style};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shopctl_kafka::{Event, json};

use crate::{
    args::{Global, events::Show},
    lines::{clock, harmless},
};

pub(super) struct Output {
    form: Form,
    colours: bool,
    out: BufWriter<Stdout>,
}

#[derive(Clone, Copy)]
enum Form {
    Line,
    Pretty,
    Json,
}

/// An event for programs. What is no text stands in a field of its own.
#[derive(Serialize)]
struct Shown<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    time: Option<String>,
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    id: Option<&'a str>,
    r#type: Option<&'a str>,
    source: Option<&'a str>,
    traceparent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<i64>,
    headers: BTreeMap<&'a str, Option<&'a str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers_base64: BTreeMap<&'a str, String>,
    /// As it was written; null where there is none, or it is no JSON.
    value: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
}

/// The part of a value that is not said by the rest of the line.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Output {
    pub(super) fn new(global: &Global, args: &Show) -> Self {
        let form = match (global.json, args.pretty) {
            (true, _) => Form::Json,
            (false, true) => Form::Pretty,
            (false, false) => Form::Line,
        };
        let colours = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        Self { form, colours, out: BufWriter::with_capacity(64 << 10, io::stdout()) }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    pub(super) fn print(&mut self, event: &Event) -> io::Result<()> {
        match self.form {
            Form::Json => {
                serde_json::to_writer(&mut self.out, &shown(event))?;
                writeln!(self.out)
            }
            Form::Line => {
                let head = self.head(event);
                writeln!(self.out, "{head}  {}", line(event))
            }
            Form::Pretty => {
                let head = self.head(event);
                writeln!(self.out, "{head}")?;
                for (name, value) in &event.headers {
                    let value = value.as_deref().map_or(Cow::Borrowed("(null)"), safe);
                    let name = self.paint(&safe(name.as_bytes()), Style::new().dimmed());
                    writeln!(self.out, "  {name}: {value}")?;
                }
                match event.value.as_deref().map(|value| (value, json::pretty(value))) {
                    None => writeln!(self.out, "  (no value)"),
                    Some((_, Some(pretty))) => {
                        pretty.lines().try_for_each(|line| writeln!(self.out, "  {}", safe(line.as_bytes())))
                    }
                    Some((value, None)) => writeln!(self.out, "  {}", safe(value)),
                }
            }
        }
    }

    /// When, where, what and of whom.
    fn head(&self, event: &Event) -> String {
        let time = self.paint(&time(event).unwrap_or_else(|| "-".to_owned()), Style::new().dimmed());
        let topic = self.paint(&safe(event.topic.as_bytes()), Style::new().cyan());
        let place = self.paint(&format!("{}:{}", event.partition, event.offset), Style::new().dimmed());
        let what = self.paint(&safe(event.what().unwrap_or("(no type)").as_bytes()), Style::new().bold());
        let key = event.raw_key.as_deref().map_or(Cow::Borrowed("(no key)"), safe);
        format!("{time}  {topic} {place}  {what}  {key}")
    }

    fn paint(&self, text: &str, style: Style) -> String {
        if self.colours { text.style(style).to_string() } else { text.to_owned() }
    }
}

/// The data, or whatever stands there instead; and why it was refused, if it was.
fn line(event: &Event) -> String {
    let value = event.value.as_deref();
    let data = value.filter(|_| event.kind.is_some()).and_then(|value| serde_json::from_slice::<Body<'_>>(value).ok());
    let bytes = data.map_or(value, |body| Some(body.data.get().as_bytes()));
    let told = bytes.map_or(Cow::Borrowed("(no value)"), |bytes| match json::compact(bytes) {
        Some(text) => Cow::Owned(safe(text.as_bytes()).into_owned()),
        None => safe(bytes),
    });
    match (event.header("dlt_group"), event.header("dlt_error")) {
        (None, None) => told.into_owned(),
        (group, reason) => {
            let part = |bytes: Option<&[u8]>| bytes.map_or_else(|| "?".to_owned(), |bytes| safe(bytes).into_owned());
            format!("[refused by {}: {}]  {told}", part(group), part(reason))
        }
    }
}

/// Fit for a terminal, on one line: what is no text is escaped byte by byte, and colours are not the publisher's to choose.
fn safe(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains('\u{1b}') => harmless(&text.replace('\u{1b}', "\\u{1b}")).into_owned().into(),
        Ok(text) => harmless(text),
        Err(_) => bytes.escape_ascii().to_string().into(),
    }
}

fn time(event: &Event) -> Option<String> {
    let millis = u64::try_from(event.timestamp?).ok()?;
    Some(clock(millis.saturating_mul(1_000_000)))
}

fn shown(event: &Event) -> Shown<'_> {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let value = event.value.as_deref();
    let raw = value.and_then(json::compact).and_then(|text| RawValue::from_string(text).ok());
    let other = value.filter(|_| raw.is_none());
    let mut headers = BTreeMap::new();
    let mut headers_base64 = BTreeMap::new();
    for (name, value) in &event.headers {
        match value.as_deref().map(|value| (value, text(value))) {
            Some((value, None)) => drop(headers_base64.insert(name.as_str(), BASE64_STANDARD.encode(value))),
            Some((_, Some(value))) => drop(headers.insert(name.as_str(), Some(value))),
            None => drop(headers.insert(name.as_str(), None)),
        }
    }
    Shown {
        topic: &event.topic,
        partition: event.partition,
        offset: event.offset,
        time: time(event),
        key: event.key.as_deref(),
        key_base64: event.raw_key.as_ref().filter(|_| event.key.is_none()).map(|key| BASE64_STANDARD.encode(key)),
        id: event.id.as_deref(),
        r#type: event.what(),
        source: event.source.as_deref(),
        traceparent: event.traceparent.as_deref(),
        order: event.order(),
        headers,
        headers_base64,
        value: raw,
        value_text: other.and_then(text),
        value_base64: other.filter(|value| text(value).is_none()).map(|value| BASE64_STANDARD.encode(value)),
    }
}

#[cfg(test)]
mod tests {
    use shopctl_kafka::Record;

    use super::*;

    fn event(key: &[u8], value: &[u8], headers: &[(&str, &[u8])]) -> Event {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), Some(value.to_vec()))).collect();
        let (topic, key, value) = ("order_events".to_owned(), Some(key.to_vec()), Some(value.to_vec()));
        Record { topic, partition: 1, offset: 17, timestamp: Some(1500), key, value, headers }.into()
    }

    fn plain() -> Output {
        Output { form: Form::Line, colours: false, out: BufWriter::new(io::stdout()) }
    }

    #[test]
    fn a_line_tells_when_where_what_of_whom_and_the_figures_as_they_stand() {
        let event = event(b"42", br#"{"type": "order_paid", "data": {"total": 12.50, "order_id": 42}}"#, &[]);
        assert_eq!(
            format!("{}  {}", plain().head(&event), line(&event)),
            r#"1970-01-01T00:00:01.500Z  order_events 1:17  order_paid  42  {"total":12.50,"order_id":42}"#
        );
    }

    #[test]
    fn a_dead_letter_tells_who_refused_it_and_why() {
        let event =
            event(b"42", b"garbage", &[("dlt_group", b"payment"), ("dlt_error", b"no\nJSON"), ("ce_type", b"t")]);
        assert_eq!(line(&event), "[refused by payment: no\\nJSON]  garbage");
        assert!(plain().head(&event).ends_with("t  42"));
    }

    #[test]
    fn a_terminal_obeys_nothing_that_was_published() {
        let evil = "\u{1b}[31m\u{1b}]0;t\u{7}\u{202e}\r\n";
        let json = format!(r#"{{"type": "{}", "data": {{"a": "{}"}}}}"#, "\u{202e}t", "\u{9b}31m\u{2028}");
        for (value, kind) in [(evil.as_bytes(), "ce_type"), (json.as_bytes(), "x"), (b"\xff\x1b[31m\n", "x")] {
            let event = event(evil.as_bytes(), value, &[(kind, evil.as_bytes()), ("dlt_error", b"\x1b[2J\xff")]);
            let text = format!("{}{}", plain().head(&event), line(&event));
            assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{9b}', '\u{2028}', '\r', '\n']), "{text:?}");
        }
    }

    #[test]
    fn programs_get_json_as_it_was_written_and_everything_else_without_a_loss() {
        let whole =
            event(b"42", br#"{"type":"order_paid","data":{"total":12.50}}"#, &[("ce_id", b"i"), ("odd", b"\xff")]);
        let text = serde_json::to_string(&shown(&whole)).expect("it is shown");
        assert!(text.contains(r#""value":{"type":"order_paid","data":{"total":12.50}}"#), "{text}");
        assert!(text.contains(r#""headers":{"ce_id":"i"},"headers_base64":{"odd":"/w=="}"#), "{text}");
        assert!(text.contains(r#""order":42"#) && text.contains(r#""time":"1970-01-01T00:00:01.500Z""#), "{text}");
        let broken = serde_json::to_value(shown(&event(b"\xff", b"\xfe", &[]))).expect("it is shown");
        assert_eq!((&broken["key_base64"], &broken["value_base64"]), (&"/w==".into(), &"/g==".into()));
        let text = serde_json::to_value(shown(&event(b"1", b"hello", &[]))).expect("it is shown");
        assert_eq!((&text["value"], &text["value_text"]), (&serde_json::Value::Null, &"hello".into()));
    }
}
