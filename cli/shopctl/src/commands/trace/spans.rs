//! Spans from the store, as the story has them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use shopctl_telemetry::{
    Reader, TraceId,
    reader::Error,
    span::{Event, Kind, Span as Stored, Status, Value},
};
use shopctl_trace::{Link, Mark, Missing, Span, Stamp};

/// What is missing without them.
pub(super) const WHAT: &str = "spans";

/// All spans of these traces.
pub(crate) fn read(folder: &Path, traces: &BTreeSet<String>) -> Result<Vec<Span>, Missing> {
    let missing = |why: String| Missing { what: WHAT.to_owned(), why };
    let reader = match Reader::open(folder) {
        Ok(reader) => reader,
        Err(Error::Absent(_)) => return Err(missing("telemetry is off, or nothing was sent yet".to_owned())),
        Err(error) => return Err(missing(error.to_string())),
    };
    let ids = traces.iter().filter_map(|id| id.parse::<TraceId>().ok());
    let found = ids.map(|id| reader.trace(id)).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| missing(error.to_string()))?;
    Ok(found.into_iter().flatten().map(span).collect())
}

/// The store has none; `silent`: neither have the logs a line.
pub(super) fn none(silent: bool) -> Missing {
    let why = if silent {
        "none of its traces is stored"
    } else {
        "none of its traces is stored: they were not sampled, made room for newer ones, or are still on their way"
    };
    Missing { what: WHAT.to_owned(), why: why.to_owned() }
}

fn span(stored: Stored) -> Span {
    let Stored { trace, id, parent, resource, scope: _, name, kind, start, end, status, attributes, events, links } =
        stored;
    let marks: Vec<Mark> = events.into_iter().map(mark).collect();
    let error = match status {
        Status::Error(why) if why.is_empty() => Some(Span::exception(&marks).unwrap_or_default()),
        Status::Error(why) => Some(why),
        Status::Unset | Status::Ok => None,
    };
    Span {
        trace: trace.to_string(),
        id: id.to_string(),
        parent: parent.map(|parent| parent.to_string()),
        links: links
            .into_iter()
            .map(|link| Link { trace: link.trace.to_string(), span: link.span.to_string() })
            .collect(),
        service: resource,
        name,
        kind: match kind {
            Kind::Internal => shopctl_trace::Kind::Internal,
            Kind::Server => shopctl_trace::Kind::Server,
            Kind::Client => shopctl_trace::Kind::Client,
            Kind::Producer => shopctl_trace::Kind::Producer,
            Kind::Consumer => shopctl_trace::Kind::Consumer,
        },
        start: Stamp(start),
        end: Stamp(end),
        error,
        attributes: texts(attributes),
        marks,
    }
}

fn mark(event: Event) -> Mark {
    Mark { at: Stamp(event.at), name: event.name, attributes: texts(event.attributes) }
}

fn texts(attributes: Vec<(String, Value)>) -> BTreeMap<String, String> {
    attributes.into_iter().map(|(key, value)| (key, value.to_string())).collect()
}
