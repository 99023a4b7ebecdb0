//! All groups, and the one timer that they share.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::{Group, Join, JoinResult, Refused};

#[derive(Debug)]
pub(crate) struct Coordinator {
    groups: Mutex<BTreeMap<String, Group>>,
    initial_delay: Duration,
    /// A deadline may have come nearer.
    nearer: Notify,
}

/// A group as DescribeGroups and ListGroups tell of it.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    pub(crate) state: &'static str,
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) members: Vec<DescribedMember>,
}

#[derive(Debug, Clone)]
pub(crate) struct DescribedMember {
    pub(crate) id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) metadata: Bytes,
    pub(crate) assignment: Bytes,
}

impl Coordinator {
    pub(crate) fn new(initial_delay: Duration) -> Self {
        Self { groups: Mutex::default(), initial_delay, nearer: Notify::new() }
    }

    /// Watches over deadlines; never ends.
    pub(crate) async fn keep_time(&self) {
        loop {
            let nearer = self.nearer.notified();
            let next = {
                let mut groups = self.groups();
                let now = Instant::now();
                for group in groups.values_mut() {
                    if group.next_deadline(now).is_some_and(|deadline| deadline <= now) {
                        group.expire(now);
                    }
                }
                groups.retain(|_, group| !group.is_unused());
                groups.values().filter_map(|group| group.next_deadline(now)).min()
            };
            match next {
                Some(deadline) => {
                    tokio::select! {
                        () = sleep_until(deadline) => {}
                        () = nearer => {}
                    }
                }
                None => nearer.await,
            }
        }
    }

    /// Joins, and waits until the group is complete.
    pub(crate) async fn join(&self, group: &str, join: Join) -> JoinResult {
        let member_id = join.member_id.clone();
        let receiver = {
            let mut groups = self.groups();
            let known = groups.contains_key(group);
            if !known && !member_id.is_empty() {
                return Err(Refused { error: ResponseError::UnknownMemberId, member_id });
            }
            groups.entry(group.to_owned()).or_insert_with(|| Group::new(self.initial_delay)).join(join, Instant::now())
        };
        self.nearer.notify_one();
        receiver.await.unwrap_or(Err(Refused { error: ResponseError::UnknownMemberId, member_id }))
    }

    /// Does something with a group that exists; `None` where it does not.
    pub(crate) fn with<R>(&self, group: &str, act: impl FnOnce(&mut Group, Instant) -> R) -> Option<R> {
        let result = self.groups().get_mut(group).map(|group| act(group, Instant::now()));
        if result.is_some() {
            self.nearer.notify_one();
        }
        result
    }

    /// Removes a group without members; whether it existed.
    pub(crate) fn delete(&self, group: &str) -> Result<bool, ResponseError> {
        let mut groups = self.groups();
        if groups.get(group).is_some_and(|group| group.has_members()) {
            return Err(ResponseError::NonEmptyGroup);
        }
        Ok(groups.remove(group).is_some())
    }

    pub(crate) fn describe(&self, group: &str) -> Option<Described> {
        self.groups().get(group).map(Group::describe)
    }

    pub(crate) fn describe_all(&self) -> BTreeMap<String, Described> {
        self.groups().iter().map(|(name, group)| (name.clone(), group.describe())).collect()
    }

    fn groups(&self) -> MutexGuard<'_, BTreeMap<String, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Described {
    /// A group that has offsets and no members.
    pub(crate) fn empty() -> Self {
        Self { state: "Empty", protocol_type: "consumer".to_owned(), protocol: String::new(), members: Vec::new() }
    }
}

impl Group {
    fn describe(&self) -> Described {
        let member = |member: &super::Member| DescribedMember {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: member.metadata(&self.protocol),
            assignment: member.assignment.clone(),
        };
        Described {
            state: self.state.name(),
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            members: self.members.values().map(member).collect(),
        }
    }
}
