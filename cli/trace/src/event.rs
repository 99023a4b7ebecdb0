use serde::Serialize;

use crate::moment::Stamp;

/// A record of a topic that is about the order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Event {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// When it was published.
    pub time: Option<Stamp>,
    /// When it happened, as the event itself says.
    pub occurred: Option<Stamp>,
    /// `ce_id`: the same for each redelivery.
    pub id: Option<String>,
    pub r#type: Option<String>,
    pub status: Option<String>,
    pub version: Option<i64>,
    /// The trace that it belongs to.
    pub trace: Option<String>,
    /// Who refused it and why, where it is a dead letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_why: Option<String>,
}

/// An event's effect is in a consumer's database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    pub group: String,
    /// `ce_id`
    pub event: String,
    pub at: Stamp,
}

/// How far a consumer group is in a partition in which an event of the order stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reading {
    pub group: String,
    pub members: usize,
    pub topic: String,
    pub partition: i32,
    /// The offset that it goes on with.
    pub committed: Option<i64>,
    /// Records that it has not dealt with.
    pub lag: i64,
}

impl Event {
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.refused_by.is_some() || self.topic.ends_with(".dlt")
    }
}
