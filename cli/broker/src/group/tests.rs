//! The state machine alone, with a clock that is moved by hand.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot::Receiver;
use tokio::time::Instant;

use super::{Group, Identity, Join, JoinResult, Joined, State, SyncResult};

const SESSION: Duration = Duration::from_secs(6);
const REBALANCE: Duration = Duration::from_secs(60);

struct Clock(Instant);

impl Clock {
    fn pass(&mut self, group: &mut Group, time: Duration) {
        self.0 += time;
        group.expire(self.0);
    }
}

fn fresh() -> (Group, Clock) {
    (Group::new(Duration::ZERO), Clock(Instant::now()))
}

fn join(member_id: &str) -> Join {
    Join {
        member_id: member_id.to_owned(),
        instance_id: None,
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        session_timeout: SESSION,
        rebalance_timeout: REBALANCE,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Bytes::from_static(b"topics"))],
        id_required: false,
    }
}

fn fixed(instance: &str) -> Join {
    Join { instance_id: Some(instance.to_owned()), ..join("") }
}

fn joined(mut waiting: Receiver<JoinResult>) -> Joined {
    waiting.try_recv().expect("an answer").expect("joined")
}

fn refused(mut waiting: Receiver<JoinResult>) -> ResponseError {
    waiting.try_recv().expect("an answer").expect_err("refused").error
}

fn waits(waiting: &mut Receiver<JoinResult>) -> bool {
    waiting.try_recv().is_err()
}

fn dynamic(member_id: &str) -> Identity<'_> {
    Identity { member_id, instance_id: None }
}

fn sync(
    group: &mut Group,
    member: &Joined,
    assignments: &[(&str, &'static str)],
    now: Instant,
) -> Receiver<SyncResult> {
    let bytes = |(id, assignment): &(&str, &'static str)| ((*id).to_owned(), Bytes::from_static(assignment.as_bytes()));
    let assignments = assignments.iter().map(bytes).collect();
    group.sync(dynamic(&member.member_id), member.generation, None, assignments, now)
}

/// A group of one member that is stable.
fn settled(group: &mut Group, now: Instant) -> Joined {
    let member = joined(group.join(join(""), now));
    let id = member.member_id.clone();
    sync(group, &member, &[(&id, "all")], now).try_recv().expect("an answer").expect("synced");
    assert_eq!(group.state, State::Stable);
    member
}

#[test]
fn a_new_member_must_come_back_with_the_id_it_is_given() {
    let (mut group, clock) = fresh();
    let mut first = group.join(Join { id_required: true, ..join("") }, clock.0);
    let refused = first.try_recv().expect("an answer").expect_err("refused");
    assert_eq!(refused.error, ResponseError::MemberIdRequired);
    assert!(!group.has_members());
    let member = joined(group.join(join(&refused.member_id), clock.0));
    assert_eq!((member.member_id, member.generation), (refused.member_id, 1));
}

#[test]
fn an_id_that_nobody_comes_back_with_lapses() {
    let (mut group, mut clock) = fresh();
    let one = settled(&mut group, clock.0);
    group.join(Join { id_required: true, ..join("") }, clock.0);
    let mut again = group.join(join(&one.member_id), clock.0);
    assert!(waits(&mut again), "the promised one may still come");
    clock.pass(&mut group, SESSION);
    assert_eq!(joined(again).generation, 2);
}

#[test]
fn the_barrier_opens_when_all_members_have_joined() {
    let (mut group, clock) = fresh();
    let one = settled(&mut group, clock.0);
    let mut two = group.join(join(""), clock.0);
    assert!(waits(&mut two));
    let asked = group.heartbeat(dynamic(&one.member_id), one.generation, clock.0);
    assert_eq!(asked, Err(ResponseError::RebalanceInProgress));
    let one = joined(group.join(join(&one.member_id), clock.0));
    let two = joined(two);
    assert_eq!((one.generation, two.generation), (2, 2));
    assert_eq!(one.leader, one.member_id, "the leader stays");
    assert_eq!(one.members.len(), 2);
    assert!(two.members.is_empty(), "only the leader is told");
}

#[test]
fn a_follower_gets_its_assignment_when_the_leader_has_handed_it_in() {
    let (mut group, clock) = fresh();
    let one = settled(&mut group, clock.0);
    let two = group.join(join(""), clock.0);
    let one = joined(group.join(join(&one.member_id), clock.0));
    let two = joined(two);
    let mut waiting = sync(&mut group, &two, &[], clock.0);
    assert!(waiting.try_recv().is_err());
    let given = [(one.member_id.as_str(), "left"), (two.member_id.as_str(), "right")];
    let mut leader = sync(&mut group, &one, &given, clock.0);
    assert_eq!(leader.try_recv().expect("an answer").expect("synced").assignment, "left");
    assert_eq!(waiting.try_recv().expect("an answer").expect("synced").assignment, "right");
    let mut again = sync(&mut group, &two, &[], clock.0);
    assert_eq!(again.try_recv().expect("an answer").expect("synced").assignment, "right");
}

#[test]
fn whoever_does_not_join_in_time_is_left_out_and_fenced() {
    let (mut group, mut clock) = fresh();
    let one = settled(&mut group, clock.0);
    let mut two = group.join(join(""), clock.0);
    while waits(&mut two) && clock.0.elapsed() < REBALANCE {
        // It goes on with its heartbeats, but does not join.
        let beat = group.heartbeat(dynamic(&one.member_id), one.generation, clock.0);
        assert_eq!(beat, Err(ResponseError::RebalanceInProgress));
        clock.pass(&mut group, SESSION / 2);
        if group.members.len() == 1 {
            break;
        }
    }
    let beat = group.heartbeat(dynamic(&one.member_id), one.generation, clock.0);
    assert_eq!(beat, Err(ResponseError::UnknownMemberId));
    let late = group.may_commit(dynamic(&one.member_id), one.generation, clock.0);
    assert_eq!(late, Err(ResponseError::UnknownMemberId));
    assert_eq!(refused(group.join(join(&one.member_id), clock.0)), ResponseError::UnknownMemberId);
}

#[test]
fn a_silent_member_is_gone_after_its_session() {
    let (mut group, mut clock) = fresh();
    let one = settled(&mut group, clock.0);
    clock.pass(&mut group, SESSION - Duration::from_millis(1));
    assert_eq!(group.heartbeat(dynamic(&one.member_id), one.generation, clock.0), Ok(()));
    clock.pass(&mut group, SESSION - Duration::from_millis(1));
    assert!(group.has_members());
    clock.pass(&mut group, Duration::from_millis(1));
    assert!(!group.has_members());
    assert_eq!(group.state, State::Empty);
    assert_eq!(group.next_deadline(clock.0), None, "nothing is left to wait for");
}

#[test]
fn an_older_generation_may_do_nothing() {
    let (mut group, clock) = fresh();
    let old = settled(&mut group, clock.0);
    joined(group.join(join(&old.member_id), clock.0));
    assert_eq!(
        group.heartbeat(dynamic(&old.member_id), old.generation, clock.0),
        Err(ResponseError::IllegalGeneration)
    );
    assert_eq!(
        group.may_commit(dynamic(&old.member_id), old.generation, clock.0),
        Err(ResponseError::IllegalGeneration)
    );
    let mut synced = sync(&mut group, &old, &[], clock.0);
    assert_eq!(synced.try_recv().expect("an answer").expect_err("refused"), ResponseError::IllegalGeneration);
}

#[test]
fn a_consumer_without_a_group_commits_only_while_nobody_is_in_it() {
    let (mut group, clock) = fresh();
    assert_eq!(group.may_commit(dynamic(""), -1, clock.0), Ok(()));
    let member = settled(&mut group, clock.0);
    assert_eq!(group.may_commit(dynamic(""), -1, clock.0), Err(ResponseError::UnknownMemberId));
    group.leave(dynamic(&member.member_id), clock.0).expect("left");
    assert_eq!(group.may_commit(dynamic(""), -1, clock.0), Ok(()));
    let late = group.may_commit(dynamic(&member.member_id), member.generation, clock.0);
    assert_eq!(late, Err(ResponseError::UnknownMemberId));
}

#[test]
fn members_without_a_common_protocol_are_not_let_in() {
    let (mut group, clock) = fresh();
    settled(&mut group, clock.0);
    let other = Join { protocols: vec![("sticky".to_owned(), Bytes::new())], ..join("") };
    assert_eq!(refused(group.join(other, clock.0)), ResponseError::InconsistentGroupProtocol);
    let connect = Join { protocol_type: "connect".to_owned(), ..join("") };
    assert_eq!(refused(group.join(connect, clock.0)), ResponseError::InconsistentGroupProtocol);
    let silent = Join { protocols: Vec::new(), ..join("") };
    assert_eq!(refused(group.join(silent, clock.0)), ResponseError::InconsistentGroupProtocol);
}

#[test]
fn a_static_member_that_comes_back_goes_on_and_its_former_self_is_fenced() {
    let (mut group, clock) = fresh();
    let old = joined(group.join(fixed("one"), clock.0));
    let id = old.member_id.clone();
    let mine = Identity { member_id: &id, instance_id: Some("one") };
    let mut synced = group.sync(mine, 1, None, vec![(id.clone(), Bytes::from_static(b"all"))], clock.0);
    synced.try_recv().expect("an answer").expect("synced");

    let back = joined(group.join(fixed("one"), clock.0));
    assert_eq!(back.generation, 1, "no rebalance");
    assert!(back.skip_assignment);
    assert_ne!(back.member_id, id);
    assert_eq!(group.heartbeat(mine, 1, clock.0), Err(ResponseError::FencedInstanceId));
    assert_eq!(
        refused(group.join(Join { member_id: id.clone(), ..fixed("one") }, clock.0)),
        ResponseError::FencedInstanceId
    );
    let again = Identity { member_id: &back.member_id, instance_id: Some("one") };
    let mut synced = group.sync(again, 1, None, Vec::new(), clock.0);
    assert_eq!(synced.try_recv().expect("an answer").expect("synced").assignment, "all");
}

#[test]
fn an_administrator_removes_a_static_member_by_its_instance() {
    let (mut group, clock) = fresh();
    joined(group.join(fixed("one"), clock.0));
    let unknown = Identity { member_id: "", instance_id: Some("two") };
    assert_eq!(group.leave(unknown, clock.0), Err(ResponseError::UnknownMemberId));
    let other = Identity { member_id: "someone", instance_id: Some("one") };
    assert_eq!(group.leave(other, clock.0), Err(ResponseError::FencedInstanceId));
    let known = Identity { member_id: "", instance_id: Some("one") };
    assert_eq!(group.leave(known, clock.0), Ok(()));
    assert!(!group.has_members());
}

#[test]
fn a_leader_that_never_hands_in_the_assignment_is_left_out() {
    let (mut group, mut clock) = fresh();
    let one = settled(&mut group, clock.0);
    let two = group.join(join(""), clock.0);
    let leader = joined(group.join(join(&one.member_id), clock.0));
    let two = joined(two);
    let mut waiting = sync(&mut group, &two, &[], clock.0);
    for _ in 0..20 {
        assert!(group.members.contains_key(&two.member_id));
        clock.pass(&mut group, SESSION / 2);
        // The leader is alive all the time; the other waits, which is as good.
        group.heartbeat(dynamic(&leader.member_id), leader.generation, clock.0).ok();
    }
    let answer = waiting.try_recv().expect("an answer");
    assert_eq!(answer.expect_err("a rebalance"), ResponseError::RebalanceInProgress);
    assert!(!group.members.contains_key(&leader.member_id));
    assert_eq!(joined(group.join(join(&two.member_id), clock.0)).members.len(), 1);
}

#[test]
fn a_group_that_was_empty_waits_for_more_members_if_it_is_told_to() {
    let delay = Duration::from_millis(500);
    let (mut group, mut clock) = (Group::new(delay), Clock(Instant::now()));
    let mut one = group.join(join(""), clock.0);
    let mut two = group.join(join(""), clock.0);
    assert!(waits(&mut one) && waits(&mut two));
    clock.pass(&mut group, delay);
    assert_eq!((joined(one).generation, joined(two).generation), (1, 1));
}
