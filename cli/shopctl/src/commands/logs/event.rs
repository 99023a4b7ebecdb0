//! What programs say in a log line: its level, and the JSON lines of our services made readable.

use std::{borrow::Cow, fmt::Write as _};

use anstream::adapter::strip_bytes;
use owo_colors::{AnsiColors, OwoColorize as _};
use serde_json::{Map, Value};

use crate::args::Level;

/// A level is said in this many bytes, or not at all.
const HEAD_BYTES: usize = 100;

/// The level that a line has, be it JSON, `key=value`, or text: ours, PostgreSQL's, and what others have in common.
pub(crate) fn level(line: &[u8]) -> Option<Level> {
    if line.starts_with(b"{") {
        return after(line, b"\"level\":\"").and_then(word);
    }
    let head = &line[..line.len().min(HEAD_BYTES)];
    let head = match memchr::memchr(0x1b, head) {
        Some(_) => Cow::Owned(strip_bytes(head).into_vec()),
        None => Cow::Borrowed(head),
    };
    if let Some(level) = after(&head, b"level=").and_then(word) {
        return Some(level);
    }
    // Compilers and shells.
    for (begin, level) in [(&b"error"[..], Level::Error), (b"warning", Level::Warn)] {
        if head.strip_prefix(begin).is_some_and(|rest| matches!(rest.first(), Some(b':' | b'['))) {
            return Some(level);
        }
    }
    let words = head.split(|byte| !byte.is_ascii_alphanumeric());
    words.filter(|word| word.iter().all(u8::is_ascii_uppercase)).find_map(word)
}

fn after<'a>(line: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let start = memchr::memmem::find(line, key)? + key.len();
    line.get(start..)
}

/// The level that a text begins with.
fn word(text: &[u8]) -> Option<Level> {
    let end = text.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len());
    Some(match &*text[..end].to_ascii_uppercase() {
        b"ERROR" | b"FATAL" | b"PANIC" | b"CRITICAL" => Level::Error,
        b"WARN" | b"WARNING" => Level::Warn,
        b"INFO" | b"LOG" | b"NOTICE" => Level::Info,
        b"DEBUG" => Level::Debug,
        b"TRACE" => Level::Trace,
        _ => return None,
    })
}

/// A JSON line of a service as people read it: time, level, spans, target, message, fields. Nothing if it is none.
pub(crate) fn readable(line: &str) -> Option<String> {
    if !line.starts_with('{') {
        return None;
    }
    let mut fields: Map<String, Value> = serde_json::from_str(line).ok()?;
    let mut take = |name: &str| fields.remove(name);
    let (Some(Value::String(time)), Some(Value::String(level))) = (take("timestamp"), take("level")) else {
        return None;
    };
    let (message, target, spans) = (take("message"), take("target"), take("spans"));
    // The last of the spans.
    take("span");
    let colour = match word(level.as_bytes()) {
        Some(Level::Error) => AnsiColors::Red,
        Some(Level::Warn) => AnsiColors::Yellow,
        Some(Level::Info) => AnsiColors::Green,
        Some(Level::Debug) => AnsiColors::Blue,
        Some(Level::Trace) | None => AnsiColors::Magenta,
    };
    let mut text = format!("{} {} ", time.dimmed(), format_args!("{level:>5}").color(colour));
    if let Some(Value::Array(spans)) = spans {
        for span in &spans {
            let Value::Object(span) = span else { continue };
            text.push_str(span.get("name").and_then(Value::as_str).unwrap_or_default());
            let fields: Vec<String> = span.iter().filter(|(name, _)| *name != "name").map(assignment).collect();
            if !fields.is_empty() {
                let _ = write!(text, "{{{}}}", fields.join(" "));
            }
            text.push_str(": ");
        }
    }
    if let Some(Value::String(target)) = target {
        let _ = write!(text, "{} ", format_args!("{target}:").dimmed());
    }
    let message = message.map(|message| plain(&message).into_owned());
    let words: Vec<String> = message.into_iter().chain(fields.iter().map(assignment)).collect();
    text.push_str(&words.join(" "));
    Some(text)
}

fn assignment((name, value): (&String, &Value)) -> String {
    format!("{name}={}", plain(value))
}

fn plain(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_recognised_as_programs_write_them() {
        for (line, expected) in [
            ("2026-11-27T01:53:01.123456Z  WARN order: slow", Some(Level::Warn)),
            ("\x1b[2m2026-11-27T01:53:01Z\x1b[0m \x1b[32m INFO\x1b[0m order: fine", Some(Level::Info)),
            (r#"{"timestamp":"2026","level":"ERROR","message":"INFO"}"#, Some(Level::Error)),
            (r#"{"message":"ERROR"}"#, None),
            ("2026-11-27 01:53:01.123 UTC [7] LOG:  ready", Some(Level::Info)),
            ("2026-11-27 01:53:01.123 UTC [7] FATAL:  no", Some(Level::Error)),
            ("time=2026 level=debug msg=x", Some(Level::Debug)),
            ("WARNING:root:python", Some(Level::Warn)),
            ("error[E0308]: mismatched types", Some(Level::Error)),
            ("  at main.rs:3", None),
            ("an error that is only mentioned", None),
            ("INFORMATION", None),
        ] {
            assert_eq!(level(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn json_lines_are_made_readable() {
        let line = r#"{"timestamp":"2026-11-27T01:53:01Z","level":"INFO","message":"answered","status":200,"target":"http","span":{"name":"b"},"spans":[{"name":"a","route":"/x"},{"name":"b"}]}"#;
        let text = readable(line).expect("an event");
        let text = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(text, "2026-11-27T01:53:01Z  INFO a{route=/x}: b: http: answered status=200");
        for other in ["{", "{}", "[1]", r#"{"level":"INFO"}"#, "text"] {
            assert_eq!(readable(other), None, "{other}");
        }
    }
}
