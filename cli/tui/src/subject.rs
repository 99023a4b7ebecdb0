//! What can be followed through the shop: an order, or a trace that is known to belong to none. Log lines and messages name
//! them.

use std::{fmt, sync::LazyLock};

use regex::Regex;

use crate::{
    kafka::{Message, header},
    text,
};

/// What is told of at length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Order(i64),
    Trace(TraceId),
}

/// Not 0; as text 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraceId(u128);

impl TraceId {
    /// Nothing if it is no such id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = u128::from_str_radix(text, 16).ok().filter(|id| is_id && *id != 0)?;
        Some(Self(id))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(id) => write!(f, "order {id}"),
            Self::Trace(id) => write!(f, "trace {id}"),
        }
    }
}

/// The order and the trace that something names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) order: Option<i64>,
    pub(crate) trace: Option<TraceId>,
}

/// As a field of a line, `order=7` and `order_id=7`, or as JSON: prose that speaks of orders names none.
static ORDER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"\border(?:[._]id)?(?:=|"\s*:\s*)"?(\d{1,19})\b"#).ok());
static TRACE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\btrace_?id(?:=|"\s*:\s*)"?([0-9a-f]{32})\b"#).ok());

impl Names {
    /// What a log line has among its fields.
    pub(crate) fn of_line(line: &str) -> Self {
        let line = text::plain(line);
        let found = |regex: &Option<Regex>| {
            let captures = regex.as_ref()?.captures(&line)?;
            Some(captures.get(1)?.as_str().to_owned())
        };
        Self {
            order: found(&ORDER).and_then(|id| id.parse().ok()),
            trace: found(&TRACE).and_then(|id| TraceId::parse(&id)),
        }
    }

    /// The trace is that in which the message was published.
    pub(crate) fn of_message(message: &Message) -> Self {
        let traceparent = header(message, "traceparent");
        Self { order: message.order, trace: traceparent.and_then(|header| TraceId::parse(header.split('-').nth(1)?)) }
    }
}

impl From<Subject> for Names {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::Order(id) => Self { order: Some(id), trace: None },
            Subject::Trace(id) => Self { order: None, trace: Some(id) },
        }
    }
}

/// Matches lines that name the order, as our services and most others say it (`order=7`, `order_id: 7`, `"order_id":7`), and
/// those of the traces.
pub(crate) fn pattern(order: Option<i64>, traces: impl IntoIterator<Item = TraceId>) -> String {
    let order = order.map(|id| format!(r#"(?i)\border([_ ]?id)?["']?\s*[=: ]\s*["']?{id}\b"#));
    let traces = traces.into_iter().map(|trace| trace.to_string());
    order.into_iter().chain(traces).collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "15efc6a02e5040aa4776ee6f8c823b35";

    #[test]
    fn a_line_names_what_it_has_as_a_field() {
        let trace = TraceId::parse(ID);
        assert!(trace.is_some_and(|trace| trace.to_string() == ID));
        let tell =
            format!("INFO tell order{{order=42 transaction=x trace_id={ID}}}: payment::teller: order has answered");
        let json = format!(r#"{{"level":"INFO","spans":[{{"name":"tell order","order":"42","trace_id":"{ID}"}}]}}"#);
        let coloured = format!("\u{1b}[3morder_id\u{1b}[0m\u{1b}[2m=\u{1b}[0m42 \u{1b}[3mtrace_id\u{1b}[0m={ID}");
        for line in [&tell, &json, &coloured] {
            assert_eq!(Names::of_line(line), Names { order: Some(42), trace }, "{line}");
        }
        let asked = format!("grpc{{method=\"pb.OrderService/GetOrder\" trace_id={ID}}}: answered status=Ok");
        assert_eq!(Names::of_line(&asked), Names { order: None, trace });
        for line in [
            "order: created cents=1999",
            "reorder=3 orders=4",
            "in order: 5",
            "order=99999999999999999999",
            "trace_id=00000000000000000000000000000000",
            "trace_id=15ef",
        ] {
            assert_eq!(Names::of_line(line), Names::default(), "{line}");
        }
        for text in ["", "+5efc6a02e5040aa4776ee6f8c823b35", "15efc6a02e5040aa4776ee6f8c823b3é"] {
            assert_eq!(TraceId::parse(text), None, "{text}");
        }
    }
}
