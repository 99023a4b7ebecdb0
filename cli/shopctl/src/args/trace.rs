//! What can be typed after `trace`.

use std::path::PathBuf;

use clap::Args;

use super::value;

#[derive(Debug, Args)]
pub(crate) struct Trace {
    /// An order's number, or a trace: its id of 32 hexadecimal digits, or a `traceparent`
    #[arg(value_name = "ORDER|TRACE_ID", value_parser = subject, required_unless_present = "last", conflicts_with = "last")]
    pub(crate) subject: Option<Subject>,
    /// The latest order
    #[arg(long)]
    pub(crate) last: bool,
    /// Go on until the order is final and everyone knows it
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Also write a page that needs nothing but itself
    #[arg(long, value_name = "FILE", conflicts_with = "follow")]
    pub(crate) html: Option<PathBuf>,
    /// Draw with ASCII only, as where the locale is not UTF-8
    #[arg(long)]
    pub(crate) ascii: bool,
}

/// Of a trace.
const ID_DIGITS: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    Order(i64),
    /// 32 hexadecimal digits in lower case.
    Trace(String),
}

/// No order's number is so long that it could be a trace, but zeros in front make one of any length.
fn subject(text: &str) -> Result<Subject, String> {
    if text.len() == ID_DIGITS {
        return value::trace(text).map(Subject::Trace);
    }
    match text.parse() {
        Ok(order) if order > 0 => Ok(Subject::Order(order)),
        Ok(_) => Err("orders are numbered from 1 on".to_owned()),
        Err(_) => value::trace(text).map(Subject::Trace).map_err(|why| format!("no number of an order, and {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_an_order_and_the_rest_is_a_trace() {
        const ID: &str = "00000000000000000000000000000042";
        assert_eq!(subject("42"), Ok(Subject::Order(42)));
        assert_eq!(subject("2147483647"), Ok(Subject::Order(2_147_483_647)));
        assert_eq!(subject(ID), Ok(Subject::Trace(ID.to_owned())));
        assert_eq!(subject(&format!("00-{ID}-b7ad6b7169203331-01")), Ok(Subject::Trace(ID.to_owned())));
        for wrong in ["", "0", "-1", "42x", "0af7"] {
            assert!(subject(wrong).is_err(), "{wrong}");
        }
    }
}
