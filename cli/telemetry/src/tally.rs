//! What was counted as spans came in: who calls whom, how often, how long it took and whether it failed.

use serde::{Deserialize, Serialize};

/// Calls, or records of a topic, from one to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Who calls or publishes; the topic, where it is read.
    pub from: String,
    /// Who is called or reads; the topic, where it is published to; the database, where it is asked. Where a call was
    /// answered by nobody who sends spans, the address that was called.
    pub to: String,
    pub hop: Hop,
    pub count: u64,
    /// How many of these failed, on either side.
    pub errors: u64,
    /// When the last one began: nanoseconds since 1970.
    pub last: u64,
    pub durations: Quantiles,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hop {
    /// From a resource to a resource.
    Call,
    /// From a resource to a database.
    Query,
    /// From a resource to a topic.
    Publish,
    /// From a topic to a resource.
    Consume,
}

impl Hop {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Query => "query",
            Self::Publish => "publish",
            Self::Consume => "consume",
        }
    }
}

/// What a resource was asked for: calls that it served and records that it consumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    pub resource: String,
    pub requests: u64,
    pub errors: u64,
    /// Requests in a second, over the window.
    pub per_second: f64,
    pub durations: Quantiles,
}

/// Nanoseconds, to within 10 %.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}
