//! What can be broken on purpose between resources and in their events.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is broken on purpose. There is one of each kind on an edge or a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// An edge, such as `order/product`, or a topic.
    pub on: String,
    #[serde(flatten)]
    pub kind: FaultKind,
    /// Share of what it may strike that it does strike, above 0 and at most 1.
    #[serde(default = "all")]
    pub rate: f64,
    /// Whom it strikes, and how long what varies takes, is drawn from this: the same for the same sequence of calls or events.
    #[serde(default)]
    pub seed: u64,
    /// Seconds until it is over by itself; without it, it stays until it is cleared.
    #[serde(default)]
    pub left: Option<f64>,
}

fn all() -> f64 {
    1.0
}

/// Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FaultKind {
    /// Of an edge: what is sent over it arrives so much later, its order kept.
    Latency {
        delay: f64,
        /// So much more or less.
        #[serde(default)]
        jitter: f64,
    },
    /// Of an edge: a connection is reset once something is sent on it.
    Reset,
    /// Of an edge: what is sent goes nowhere, and nobody is told. It arrives once that is over.
    Timeout,
    /// Of an edge: nobody listens, and connections that there are end.
    Refuse,
    /// Of a topic: what is published stands there twice.
    Duplicate,
    /// Of a topic: what is published arrives so much later.
    Delay {
        delay: f64,
        #[serde(default)]
        jitter: f64,
    },
    /// Of a topic: what is published at about the same time arrives in another order, but never within a key.
    Reorder {
        /// So late, at most, is what others overtake.
        within: f64,
    },
    /// Of a topic: what is published is refused and has to be published again.
    Drop,
    /// Of a topic: behind what is published there is a record that is no event. Its key is [`POISON`].
    Poison,
}

/// All faults that there are, from the supervisor to the proxy over a socket of their own. It is answered by an
/// [`Answer`] once they are in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// An order that is older than one that was heard already changes nothing.
    pub revision: u64,
    pub faults: Vec<Fault>,
}

/// What the proxy made of an [`Order`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Why it is not, or not wholly, in force.
    pub problem: Option<String>,
}

/// The key of records that a fault has made up.
pub const POISON: &str = "poison";

/// A share as people write it, `20%` or `0.2`; `None` if it is not above 0 and at most 1.
#[must_use]
pub fn share(text: &str) -> Option<f64> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    (share > 0.0 && share <= 1.0).then_some(share)
}

impl FaultKind {
    /// The words, in the order in which they are told.
    pub const EDGE_WORDS: [&str; 4] = ["latency", "reset", "timeout", "refuse"];
    pub const TOPIC_WORDS: [&str; 5] = ["duplicate", "delay", "reorder", "drop", "poison"];

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Refuse => "refuse",
            Self::Duplicate => "duplicate",
            Self::Delay { .. } => "delay",
            Self::Reorder { .. } => "reorder",
            Self::Drop => "drop",
            Self::Poison => "poison",
        }
    }

    /// Whether it is a topic's, else an edge's.
    #[must_use]
    pub fn is_of_topic(self) -> bool {
        match self {
            Self::Latency { .. } | Self::Reset | Self::Timeout | Self::Refuse => false,
            Self::Duplicate | Self::Delay { .. } | Self::Reorder { .. } | Self::Drop | Self::Poison => true,
        }
    }
}

impl fmt::Display for Fault {
    /// Such as `order -> product: latency 200ms ±50ms, 20%, 12s left`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.on.replace('/', " -> "), self.kind.word())?;
        match self.kind {
            FaultKind::Latency { delay, jitter } | FaultKind::Delay { delay, jitter } => {
                write!(formatter, " {}", Time(delay))?;
                if jitter > 0.0 {
                    write!(formatter, " ±{}", Time(jitter))?;
                }
            }
            FaultKind::Reorder { within } => write!(formatter, " within {}", Time(within))?,
            FaultKind::Reset
            | FaultKind::Timeout
            | FaultKind::Refuse
            | FaultKind::Duplicate
            | FaultKind::Drop
            | FaultKind::Poison => {}
        }
        if self.rate < 1.0 {
            write!(formatter, ", {}%", (self.rate * 1000.0).round() / 10.0)?;
        }
        match self.left {
            Some(left) => write!(formatter, ", {}s left", left.ceil()),
            None => Ok(()),
        }
    }
}

struct Time(f64);

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = (self.0 * 1000.0).round();
        if milliseconds < 1000.0 {
            write!(formatter, "{milliseconds}ms")
        } else {
            write!(formatter, "{}s", milliseconds / 1000.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_some_of_the_whole() {
        assert_eq!((share("20%"), share("0.5"), share("100%")), (Some(0.2), Some(0.5), Some(1.0)));
        for wrong in ["", "%", "0", "0%", "101%", "20", "-1%", "nan"] {
            assert_eq!(share(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_fault_is_told_in_one_line() {
        let latency = FaultKind::Latency { delay: 0.2, jitter: 0.05 };
        let fault = |on: &str, kind| Fault { on: on.to_owned(), kind, rate: 1.0, seed: 7, left: None };
        assert_eq!(fault("order/product", latency).to_string(), "order -> product: latency 200ms ±50ms");
        let short = Fault { rate: 0.125, left: Some(11.2), ..fault("order_events", FaultKind::Drop) };
        assert_eq!(short.to_string(), "order_events: drop, 12.5%, 12s left");
        let reorder = fault("order_events", FaultKind::Reorder { within: 1.5 });
        assert_eq!(reorder.to_string(), "order_events: reorder within 1.5s");
    }
}
