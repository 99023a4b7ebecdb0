//! The join barrier: who is let in, when it opens, and who is left out.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::ResponseError;
use tokio::sync::oneshot::Sender;
use tokio::time::Instant;

use super::{Group, Identity, Join, JoinResult, Joined, Member, Refused, State};

/// A join that is answered without waiting.
type Answer = (JoinResult, Sender<JoinResult>);

impl Group {
    pub(super) fn admit(&mut self, join: Join, sender: Sender<JoinResult>, now: Instant) -> Option<Answer> {
        let refuse = |error, member_id: &str| Err(Refused { error, member_id: member_id.to_owned() });
        if !self.is_consistent(&join) {
            return Some((refuse(ResponseError::InconsistentGroupProtocol, &join.member_id), sender));
        }
        if !join.member_id.is_empty() {
            if self.promised.remove(&join.member_id).is_some() {
                let id = join.member_id.clone();
                self.add(id, join, sender, now);
                return None;
            }
            let identity = Identity { member_id: &join.member_id, instance_id: join.instance_id.as_deref() };
            return match self.identify(identity) {
                Ok(()) => self.rejoin(join, sender, now),
                Err(error) => Some((refuse(error, &join.member_id), sender)),
            };
        }
        let id = Self::fresh_id(&join);
        if let Some(instance) = &join.instance_id {
            return match self.instances.get(instance).cloned() {
                Some(old) => self.replace(&old, id, join, sender, now),
                None => {
                    self.add(id, join, sender, now);
                    None
                }
            };
        }
        if join.id_required {
            self.promised.insert(id.clone(), now + join.session_timeout);
            return Some((refuse(ResponseError::MemberIdRequired, &id), sender));
        }
        self.add(id, join, sender, now);
        None
    }

    /// Whether the member speaks a protocol that all others speak too.
    fn is_consistent(&self, join: &Join) -> bool {
        let others = || self.members.values().filter(|member| member.id != join.member_id);
        if join.protocols.is_empty() || join.protocol_type.is_empty() {
            return false;
        }
        others().next().is_none()
            || (join.protocol_type == self.protocol_type
                && join.protocols.iter().any(|(name, _)| others().all(|member| member.supports(name))))
    }

    fn add(&mut self, id: String, join: Join, sender: Sender<JoinResult>, now: Instant) {
        if self.members.is_empty() {
            self.protocol_type.clone_from(&join.protocol_type);
        }
        if let Some(instance) = &join.instance_id {
            self.instances.insert(instance.clone(), id.clone());
        }
        let mut member = Member::new(id.clone(), join, now);
        member.joining = Some(sender);
        self.members.insert(id, member);
        self.rebalance(now);
    }

    /// A member that is known joins again.
    fn rejoin(&mut self, join: Join, sender: Sender<JoinResult>, now: Instant) -> Option<Answer> {
        let id = join.member_id.clone();
        let is_leader = id == self.leader;
        let member = self.members.get_mut(&id)?;
        let unchanged = member.protocols == join.protocols;
        let waits = match self.state {
            State::Joining { .. } => true,
            // It has lost the answer to its join.
            State::Syncing { .. } => !unchanged,
            // A leader that joins again wants a rebalance; a follower may only have lost an answer.
            State::Stable => is_leader || !unchanged,
            State::Empty => true,
        };
        member.update(join);
        member.alive(now);
        if !waits {
            return Some((Ok(self.joined(&id, false)), sender));
        }
        let refused = Refused { error: ResponseError::RebalanceInProgress, member_id: id.clone() };
        if let Some(member) = self.members.get_mut(&id) {
            // A join of the same member that still waits is one whose client has given up on it.
            member.answer_join(Err(refused));
            member.joining = Some(sender);
        }
        self.rebalance(now);
        None
    }

    /// A static member comes back under a new id, and the old one is fenced.
    fn replace(
        &mut self,
        old: &str,
        id: String,
        join: Join,
        sender: Sender<JoinResult>,
        now: Instant,
    ) -> Option<Answer> {
        let mut member = self.members.remove(old)?;
        let fenced = Refused { error: ResponseError::FencedInstanceId, member_id: old.to_owned() };
        member.answer_join(Err(fenced));
        member.answer_sync(Err(ResponseError::FencedInstanceId));
        let protocol = self.protocol.clone();
        let before = member.metadata(&protocol);
        member.id.clone_from(&id);
        member.update(join);
        member.alive(now);
        let unchanged = member.supports(&protocol) && member.metadata(&protocol) == before;
        if let Some(instance) = &member.instance_id {
            self.instances.insert(instance.clone(), id.clone());
        }
        if self.leader == old {
            self.leader.clone_from(&id);
        }
        let goes_on = self.state == State::Stable && unchanged;
        if !goes_on {
            member.joining = Some(sender);
            self.members.insert(id, member);
            self.rebalance(now);
            return None;
        }
        self.members.insert(id.clone(), member);
        Some((Ok(self.joined(&id, true)), sender))
    }

    /// Asks all members to join again, unless that is under way.
    pub(super) fn rebalance(&mut self, now: Instant) {
        if !matches!(self.state, State::Joining { .. }) {
            for member in self.members.values_mut() {
                if member.answer_sync(Err(ResponseError::RebalanceInProgress)) {
                    member.alive(now);
                }
            }
            let patience = self.members.values().map(|member| member.rebalance_timeout).max();
            let delay = if self.state == State::Empty { self.initial_delay } else { Duration::ZERO };
            self.state = State::Joining { earliest: now + delay, deadline: now + delay + patience.unwrap_or_default() };
        }
        self.complete_join(now);
    }

    /// Opens the barrier if all have joined, or if it has been shut for long enough.
    pub(super) fn complete_join(&mut self, now: Instant) {
        let State::Joining { earliest, deadline } = self.state else { return };
        let all_here = self.promised.is_empty() && self.members.values().all(|member| member.joining.is_some());
        if now < earliest || !(all_here || now >= deadline) {
            return;
        }
        // Static members may be away for as long as their session; the others had their chance.
        let absent = self.members.values().filter(|member| member.joining.is_none() && member.instance_id.is_none());
        for id in absent.map(|member| member.id.clone()).collect::<Vec<_>>() {
            self.remove(&id);
        }
        self.generation += 1;
        let Some(leader) = self.choose_leader() else {
            if self.members.is_empty() {
                self.state = State::Empty;
                self.protocol.clear();
                self.leader.clear();
            } else {
                // Only static members that are away: their sessions decide.
                let patience = self.members.values().map(|member| member.rebalance_timeout).max();
                self.state = State::Joining { earliest: now, deadline: now + patience.unwrap_or_default() };
            }
            return;
        };
        self.leader = leader;
        self.protocol = self.choose_protocol();
        let patience = self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default();
        self.state = State::Syncing { deadline: now + patience };
        for id in self.members.keys().cloned().collect::<Vec<_>>() {
            let joined = self.joined(&id, false);
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment.clear();
                if member.answer_join(Ok(joined)) {
                    member.alive(now);
                }
            }
        }
    }

    /// The leader stays, if it has joined; else one that has.
    fn choose_leader(&self) -> Option<String> {
        let here = |member: &&Member| member.joining.is_some();
        let stays = self.members.get(&self.leader).filter(here);
        stays.or_else(|| self.members.values().find(here)).map(|member| member.id.clone())
    }

    /// Every member votes for the first of its protocols that all others know.
    fn choose_protocol(&self) -> String {
        let mut votes = BTreeMap::<&str, usize>::new();
        for member in self.members.values() {
            let common = |name: &&String| self.members.values().all(|other| other.supports(name));
            if let Some(name) = member.protocols.iter().map(|(name, _)| name).find(common) {
                *votes.entry(name).or_default() += 1;
            }
        }
        votes.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.to_owned()).unwrap_or_default()
    }

    fn joined(&self, id: &str, skip_assignment: bool) -> Joined {
        let is_leader = id == self.leader;
        let entry = |member: &Member| (member.id.clone(), member.instance_id.clone(), member.metadata(&self.protocol));
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            member_id: id.to_owned(),
            members: if is_leader { self.members.values().map(entry).collect() } else { Vec::new() },
            skip_assignment: is_leader && skip_assignment,
        }
    }

    /// What the passing of time does: members go missing, promises lapse, barriers open.
    pub(crate) fn expire(&mut self, now: Instant) {
        let promised = self.promised.len();
        self.promised.retain(|_, until| *until > now);
        let lapsed = self.promised.len() < promised;

        let unsynced = matches!(self.state, State::Syncing { deadline } if now >= deadline);
        let is_gone =
            |member: &&Member| (!member.waits() && member.deadline <= now) || (unsynced && member.syncing.is_none());
        let gone = self.members.values().filter(is_gone).map(|member| member.id.clone()).collect::<Vec<_>>();
        for id in &gone {
            tracing::info!(member = %id, "left its group: nothing heard within its timeout");
            self.remove(id);
        }
        if gone.is_empty() && !unsynced {
            if lapsed || matches!(self.state, State::Joining { .. }) {
                self.complete_join(now);
            }
        } else {
            self.rebalance(now);
        }
    }

    /// When [`Group::expire`] has something to do next.
    pub(crate) fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let sessions = self.members.values().filter(|member| !member.waits()).map(|member| member.deadline);
        let phase = match self.state {
            State::Joining { earliest, deadline } => Some(if now < earliest { earliest } else { deadline }),
            State::Syncing { deadline } => Some(deadline),
            State::Empty | State::Stable => None,
        };
        sessions.chain(self.promised.values().copied()).chain(phase).min()
    }
}
