//! Log lines of an order: those of its traces, and those that name it.

use std::{
    collections::{BTreeSet, VecDeque},
    io,
    path::Path,
};

use regex::bytes::Regex;
use shopctl_runtime::log::{self, Entry, History};
use shopctl_trace::{LogLine, Stamp};

use crate::commands::logs::event;

/// Lines that are kept, the last ones.
const LINES: usize = 2000;
/// Bytes of one that are shown.
const BYTES: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) lines: Vec<LogLine>,
    /// Traces that the lines which name the order belong to.
    pub(super) traces: BTreeSet<String>,
}

/// Reads the logs of all resources in `dir`, from `begin` (nanoseconds since 1970) on; `is_live`: somebody writes them.
pub(super) fn read(
    dir: &Path,
    order: Option<i64>,
    traces: BTreeSet<String>,
    begin: Option<u64>,
    is_live: bool,
) -> io::Result<Found> {
    let mut found = scan(dir, &pattern(order, &traces), begin, is_live)?;
    found.traces.extend(traces.iter().cloned());
    if found.traces.len() > traces.len() {
        let named = std::mem::take(&mut found.traces);
        found = scan(dir, &pattern(order, &named), begin, is_live)?;
        found.traces.extend(named);
    }
    Ok(found)
}

/// Matches what has one of the traces' ids, or the order as our services write it: `order=42`, `order_id=42`, or as JSON.
fn pattern(order: Option<i64>, traces: &BTreeSet<String>) -> String {
    let order = order.map(|id| format!(r#"\border(?:_id)?"?[=:] ?{id}\b"#));
    let ids = traces.iter().filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit())).cloned();
    order.into_iter().chain(ids).collect::<Vec<_>>().join("|")
}

fn scan(dir: &Path, pattern: &str, begin: Option<u64>, is_live: bool) -> io::Result<Found> {
    if pattern.is_empty() {
        return Ok(Found::default());
    }
    let matcher = Regex::new(pattern).map_err(io::Error::other)?;
    let id = Regex::new(r#"trace_id"?[=:] ?"?([0-9a-f]{32})\b"#).map_err(io::Error::other)?;
    let mut history = History::open(dir, &log::resources(dir)?)?;
    if let Some(begin) = begin {
        history.limit(begin, u64::MAX)?;
    }
    let mut lines = VecDeque::new();
    let mut traces = BTreeSet::new();
    let mut take = |resource: &str, entry: Entry<'_>| {
        let Entry::Line { stamp, text, .. } = entry else { return Ok(()) };
        if !matcher.is_match(text) {
            return Ok(());
        }
        traces.extend(id.captures(text).and_then(|found| String::from_utf8(found[1].to_vec()).ok()));
        if lines.len() == LINES {
            lines.pop_front();
        }
        let text = String::from_utf8_lossy(&text[..text.len().min(BYTES)]);
        let text = event::readable(&text).unwrap_or_else(|| text.into_owned());
        lines.push_back(LogLine {
            at: Stamp(stamp),
            resource: resource.to_owned(),
            text: anstream::adapter::strip_str(&text).to_string(),
        });
        Ok(())
    };
    let find = |block: &[u8]| matcher.find(block).map(|found| found.start());
    history.read(&find, &mut take)?;
    if !is_live {
        history.finish(&mut take)?;
    }
    Ok(Found { lines: lines.into(), traces })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_found_as_services_write_it_and_no_other_with_it() {
        let matcher = Regex::new(&pattern(Some(42), &BTreeSet::from(["0af7".to_owned()]))).expect("it is one");
        for line in [
            "tell order{order=42 transaction=\"x\"}",
            "order_id=42",
            r#"{"order_id":42}"#,
            r#""order": 42,"#,
            "id 0af7",
        ] {
            assert!(matcher.is_match(line.as_bytes()), "{line}");
        }
        for line in ["order=421", "border=42", "order=4", "account=42", "42"] {
            assert!(!matcher.is_match(line.as_bytes()), "{line}");
        }
        assert_eq!(pattern(None, &BTreeSet::from([".*".to_owned()])), "", "nobody's words become a pattern");
    }
}
