//! Consumer groups: who is in them, and the barrier through which a rebalance goes.
//!
//! [`Group`] is a plain state machine: what happens and the time go in, waiting members are answered through
//! channels. It is kept in memory only; after a restart members are unknown, join again, and find their offsets.

mod coordinator;
mod member;
mod rebalance;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) use coordinator::{Coordinator, Described};
pub(crate) use member::{Join, JoinResult, Joined, Member, Refused, SyncResult, Synced};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Empty,
    /// Members are asked to join again; whoever has not by then is left out.
    Joining {
        /// Not before: a group that was empty waits for more members first.
        earliest: Instant,
        deadline: Instant,
    },
    /// All have joined; the leader's assignment is awaited until then.
    Syncing {
        deadline: Instant,
    },
    Stable,
}

impl State {
    /// Kafka's word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Joining { .. } => "PreparingRebalance",
            Self::Syncing { .. } => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Group {
    state: State,
    generation: i32,
    protocol_type: String,
    /// Chosen for the current generation.
    protocol: String,
    leader: String,
    members: BTreeMap<String, Member>,
    /// Instance id to member id.
    instances: HashMap<String, String>,
    /// Ids that were given and not yet come back with, until when.
    promised: HashMap<String, Instant>,
    /// How long a group that was empty waits for more members.
    initial_delay: Duration,
}

/// A way to name a member in a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub(crate) member_id: &'a str,
    pub(crate) instance_id: Option<&'a str>,
}

impl Group {
    pub(crate) fn new(initial_delay: Duration) -> Self {
        Self {
            state: State::Empty,
            generation: 0,
            protocol_type: String::new(),
            protocol: String::new(),
            leader: String::new(),
            members: BTreeMap::new(),
            instances: HashMap::new(),
            promised: HashMap::new(),
            initial_delay,
        }
    }

    /// Nobody is in it, was in it or was promised to be. (One that had members keeps its generation, so that those
    /// stay fenced.)
    pub(crate) fn is_unused(&self) -> bool {
        self.members.is_empty() && self.promised.is_empty() && self.generation == 0
    }

    pub(crate) fn has_members(&self) -> bool {
        !self.members.is_empty()
    }

    /// Whether the identity is that of a member, and nobody has taken its place.
    fn identify(&self, identity: Identity<'_>) -> Result<(), ResponseError> {
        if let Some(instance) = identity.instance_id {
            return match self.instances.get(instance) {
                Some(member) if member == identity.member_id => Ok(()),
                Some(_) => Err(ResponseError::FencedInstanceId),
                None => Err(ResponseError::UnknownMemberId),
            };
        }
        if self.members.contains_key(identity.member_id) { Ok(()) } else { Err(ResponseError::UnknownMemberId) }
    }

    /// The same for a request that also names a generation.
    fn member(&mut self, identity: Identity<'_>, generation: i32) -> Result<&mut Member, ResponseError> {
        self.identify(identity)?;
        if generation != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        self.members.get_mut(identity.member_id).ok_or(ResponseError::UnknownMemberId)
    }

    pub(crate) fn heartbeat(
        &mut self,
        identity: Identity<'_>,
        generation: i32,
        now: Instant,
    ) -> Result<(), ResponseError> {
        self.member(identity, generation)?.alive(now);
        match self.state {
            State::Joining { .. } => Err(ResponseError::RebalanceInProgress),
            State::Empty | State::Syncing { .. } | State::Stable => Ok(()),
        }
    }

    /// Whether offsets may be committed in this name. A negative generation is a consumer without a group's
    /// assignment, which may commit only while the group has no members.
    pub(crate) fn may_commit(
        &mut self,
        identity: Identity<'_>,
        generation: i32,
        now: Instant,
    ) -> Result<(), ResponseError> {
        if self.members.is_empty() && (generation < 0 || self.generation == 0) {
            return Ok(());
        }
        self.member(identity, generation)?.alive(now);
        match self.state {
            State::Syncing { .. } => Err(ResponseError::RebalanceInProgress),
            State::Empty | State::Joining { .. } | State::Stable => Ok(()),
        }
    }

    /// A member leaves on its own; its member id may be empty if the instance id is known.
    pub(crate) fn leave(&mut self, identity: Identity<'_>, now: Instant) -> Result<(), ResponseError> {
        let member_id = match identity.instance_id {
            Some(instance) => {
                let known = self.instances.get(instance).ok_or(ResponseError::UnknownMemberId)?.clone();
                if !identity.member_id.is_empty() && identity.member_id != known {
                    return Err(ResponseError::FencedInstanceId);
                }
                known
            }
            None => identity.member_id.to_owned(),
        };
        if self.promised.remove(&member_id).is_some() {
            self.complete_join(now);
            return Ok(());
        }
        if !self.members.contains_key(&member_id) {
            return Err(ResponseError::UnknownMemberId);
        }
        self.remove(&member_id);
        self.rebalance(now);
        Ok(())
    }

    fn remove(&mut self, member_id: &str) {
        let Some(mut member) = self.members.remove(member_id) else { return };
        if let Some(instance) = &member.instance_id {
            self.instances.remove(instance);
        }
        let refused = Refused { error: ResponseError::UnknownMemberId, member_id: member_id.to_owned() };
        member.answer_join(Err(refused));
        member.answer_sync(Err(ResponseError::UnknownMemberId));
    }

    /// Gives out an id for a new member.
    fn fresh_id(join: &Join) -> String {
        format!("{}-{}", join.instance_id.as_deref().unwrap_or(&join.client_id), Uuid::new_v4())
    }

    /// Takes a join; the answer may come at once or when the barrier opens.
    pub(crate) fn join(&mut self, join: Join, now: Instant) -> oneshot::Receiver<JoinResult> {
        let (sender, receiver) = oneshot::channel();
        if let Some((answer, sender)) = self.admit(join, sender, now) {
            // The receiver is in our hands: it cannot be gone.
            sender.send(answer).ok();
        }
        receiver
    }

    /// A member hands in (as leader) or asks for the assignments of a generation.
    pub(crate) fn sync(
        &mut self,
        identity: Identity<'_>,
        generation: i32,
        protocol: Option<(&str, &str)>,
        assignments: Vec<(String, Bytes)>,
        now: Instant,
    ) -> oneshot::Receiver<SyncResult> {
        let (sender, receiver) = oneshot::channel();
        if let Err(error) = self.member(identity, generation).map(|member| member.alive(now)) {
            sender.send(Err(error)).ok();
            return receiver;
        }
        if protocol.is_some_and(|(kind, name)| kind != self.protocol_type || name != self.protocol) {
            sender.send(Err(ResponseError::InconsistentGroupProtocol)).ok();
            return receiver;
        }
        match self.state {
            State::Empty => {
                sender.send(Err(ResponseError::UnknownMemberId)).ok();
            }
            State::Joining { .. } => {
                sender.send(Err(ResponseError::RebalanceInProgress)).ok();
            }
            State::Syncing { .. } => {
                if let Some(member) = self.members.get_mut(identity.member_id) {
                    member.syncing = Some(sender);
                }
                if identity.member_id == self.leader {
                    self.assign(assignments, now);
                }
            }
            State::Stable => {
                let synced = self.members.get(identity.member_id).map(|member| self.synced(member));
                sender.send(synced.ok_or(ResponseError::UnknownMemberId)).ok();
            }
        }
        receiver
    }

    fn assign(&mut self, assignments: Vec<(String, Bytes)>, now: Instant) {
        let mut assignments = assignments.into_iter().collect::<HashMap<_, _>>();
        self.state = State::Stable;
        let (protocol_type, protocol) = (self.protocol_type.clone(), self.protocol.clone());
        for member in self.members.values_mut() {
            member.assignment = assignments.remove(&member.id).unwrap_or_default();
            let assignment = member.assignment.clone();
            let synced = Synced { protocol_type: protocol_type.clone(), protocol: protocol.clone(), assignment };
            if member.answer_sync(Ok(synced)) {
                member.alive(now);
            }
        }
    }

    fn synced(&self, member: &Member) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: member.assignment.clone(),
        }
    }
}
