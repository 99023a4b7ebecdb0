//! A member of a consumer group, and what it is told when it has waited.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What a consumer says when it joins.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    /// Empty: it has none yet.
    pub(crate) member_id: String,
    /// Of a static member.
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) protocol_type: String,
    /// Name and metadata of each, the preferred one first.
    pub(crate) protocols: Vec<(String, Bytes)>,
    /// Whether a new member must come back with the id it is given (JoinGroup v4 and later), so that one which gave
    /// up waiting for its answer leaves no member behind.
    pub(crate) id_required: bool,
}

/// The answer to a join.
#[derive(Debug, Clone)]
pub(crate) struct Joined {
    pub(crate) generation: i32,
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) leader: String,
    pub(crate) member_id: String,
    /// For the leader alone: id, instance id and metadata of each.
    pub(crate) members: Vec<(String, Option<String>, Bytes)>,
    /// A leader that came back and finds its assignment still good.
    pub(crate) skip_assignment: bool,
}

/// The answer to a sync.
#[derive(Debug, Clone)]
pub(crate) struct Synced {
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) assignment: Bytes,
}

/// A refusal, with the id that the member has (or gets).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) error: ResponseError,
    pub(crate) member_id: String,
}

pub(crate) type JoinResult = Result<Joined, Refused>;
pub(crate) type SyncResult = Result<Synced, ResponseError>;

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) protocols: Vec<(String, Bytes)>,
    pub(crate) assignment: Bytes,
    /// It has joined and waits for the others.
    pub(crate) joining: Option<oneshot::Sender<JoinResult>>,
    /// It waits for its assignment.
    pub(crate) syncing: Option<oneshot::Sender<SyncResult>>,
    /// Without a word until then it is gone. Does not count while it waits.
    pub(crate) deadline: Instant,
}

impl Member {
    pub(crate) fn new(id: String, join: Join, now: Instant) -> Self {
        Self {
            id,
            instance_id: join.instance_id,
            client_id: join.client_id,
            client_host: join.client_host,
            session_timeout: join.session_timeout,
            rebalance_timeout: join.rebalance_timeout,
            protocols: join.protocols,
            assignment: Bytes::new(),
            joining: None,
            syncing: None,
            deadline: now + join.session_timeout,
        }
    }

    /// Takes over what the member says in a later join.
    pub(crate) fn update(&mut self, join: Join) {
        self.client_id = join.client_id;
        self.client_host = join.client_host;
        self.session_timeout = join.session_timeout;
        self.rebalance_timeout = join.rebalance_timeout;
        self.protocols = join.protocols;
    }

    /// It gave a sign of life.
    pub(crate) fn alive(&mut self, now: Instant) {
        self.deadline = now + self.session_timeout;
    }

    /// Whether it waits for us: a client that waits for an answer may well be silent.
    pub(crate) fn waits(&self) -> bool {
        self.joining.is_some() || self.syncing.is_some()
    }

    pub(crate) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols.iter().find(|(name, _)| name == protocol).map(|(_, bytes)| bytes.clone()).unwrap_or_default()
    }

    /// Answers a waiting join; whether one waited.
    pub(crate) fn answer_join(&mut self, answer: JoinResult) -> bool {
        // A receiver that is gone is a client that disconnected: its session timeout deals with it.
        self.joining.take().is_some_and(|joining| joining.send(answer).is_ok())
    }

    pub(crate) fn answer_sync(&mut self, answer: SyncResult) -> bool {
        self.syncing.take().is_some_and(|syncing| syncing.send(answer).is_ok())
    }
}
