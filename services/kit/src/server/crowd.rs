//! Who is connected, and who leaves: when it has been idle for too long, or for longest when too many are there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::sleep;

/// How long a connection without a request is left alone, however many others wait: its last answer may still be on its way.
const LEFT_ALONE: Duration = Duration::from_secs(1);

/// The connections of one server.
#[derive(Default)]
pub(super) struct Crowd(Vec<Arc<Member>>);

/// One connection.
#[derive(Debug)]
pub(super) struct Member {
    state: Mutex<State>,
    leave: Notify,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// Requests without an answer yet.
    under_way: usize,
    /// Since when there are none; of no meaning while there are some.
    idle: Instant,
    /// There was a request.
    asked: bool,
}

/// A request is under way.
pub(super) struct Busy(Arc<Member>);

impl Crowd {
    pub(super) fn join(&mut self) -> Arc<Member> {
        if self.0.len() == self.0.capacity() {
            self.forget_gone();
            // Room for as many again, so that forgetting costs each of them little.
            self.0.reserve(self.0.len() + 1);
        }
        let state = State { under_way: 0, idle: Instant::now(), asked: false };
        let member = Arc::new(Member { state: Mutex::new(state), leave: Notify::new() });
        self.0.push(member.clone());
        member
    }

    /// Asks the connection that has been without a request for longest to leave, if any has for long enough; first one
    /// that never had any.
    pub(super) fn make_room(&mut self, now: Instant) {
        self.forget_gone();
        let idle = self.0.iter().enumerate().filter_map(|(at, member)| {
            let state = *member.state();
            let long = now.saturating_duration_since(state.idle) >= LEFT_ALONE;
            (state.under_way == 0 && long).then_some((state.asked, state.idle, at))
        });
        if let Some((_, _, at)) = idle.min() {
            self.0.swap_remove(at).leave.notify_one();
        }
    }

    /// Those whose connection has ended hold no handle any more.
    fn forget_gone(&mut self) {
        self.0.retain(|member| Arc::strong_count(member) > 1);
    }
}

impl Member {
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        let mut state = self.state();
        state.under_way += 1;
        state.asked = true;
        Busy(self.clone())
    }

    pub(super) fn has_asked(&self) -> bool {
        self.state().asked
    }

    /// Returns when it is to make room for others, or has been without a request for `idle`; `first` for the first.
    pub(super) async fn must_leave(&self, first: Duration, idle: Duration) {
        let bored = async {
            loop {
                let state = *self.state();
                let most = if state.asked { idle } else { first };
                let left = match state.under_way {
                    0 => most.saturating_sub(state.idle.elapsed()),
                    _ => most,
                };
                if left.is_zero() {
                    return;
                }
                sleep(left).await;
            }
        };
        tokio::select! {
            () = self.leave.notified() => {}
            () = bored => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.under_way -= 1;
        state.idle = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(20);

    async fn has_to_leave(member: &Member) -> bool {
        tokio::time::timeout(SHORT, member.must_leave(LONG, LONG)).await.is_ok()
    }

    #[tokio::test]
    async fn the_longest_idle_makes_room_and_nobody_who_is_busy_or_has_just_come() {
        let mut crowd = Crowd::default();
        let (busy, first, second) = (crowd.join(), crowd.join(), crowd.join());
        let (request, other) = (busy.begin(), busy.begin());
        crowd.make_room(Instant::now());
        assert!(!has_to_leave(&first).await, "it has just come");
        crowd.make_room(Instant::now() + LEFT_ALONE);
        assert!(has_to_leave(&first).await && !has_to_leave(&second).await);
        crowd.make_room(Instant::now() + LEFT_ALONE);
        assert!(has_to_leave(&second).await);
        drop(other);
        crowd.make_room(Instant::now() + LEFT_ALONE);
        assert!(!has_to_leave(&busy).await, "it has a request under way");
        drop(request);
        crowd.make_room(Instant::now() + LEFT_ALONE);
        assert!(has_to_leave(&busy).await);
    }

    #[tokio::test]
    async fn who_has_asked_before_stays_while_there_are_others_who_never_did() {
        let mut crowd = Crowd::default();
        let customer = crowd.join();
        drop(customer.begin());
        let (gazer, other) = (crowd.join(), crowd.join());
        for leaves in [&gazer, &other, &customer] {
            assert!(!has_to_leave(&customer).await);
            crowd.make_room(Instant::now() + LEFT_ALONE);
            assert!(has_to_leave(leaves).await);
        }
    }

    #[tokio::test]
    async fn who_asks_for_nothing_leaves_in_the_end_and_who_waits_for_an_answer_stays() {
        let mut crowd = Crowd::default();
        let (silent, waiting, asked) = (crowd.join(), crowd.join(), crowd.join());
        drop(asked.begin());
        let request = waiting.begin();
        let leaves = async |member: &Member, first, idle| {
            tokio::time::timeout(4 * SHORT, member.must_leave(first, idle)).await.is_ok()
        };
        assert!(leaves(&silent, SHORT, LONG).await && !leaves(&asked, SHORT, LONG).await);
        assert!(leaves(&asked, LONG, SHORT).await && !leaves(&silent, LONG, SHORT).await);
        assert!(!leaves(&waiting, SHORT, SHORT).await);
        drop(request);
        assert!(leaves(&waiting, LONG, SHORT).await);
    }

    #[test]
    fn who_has_gone_is_forgotten() {
        let mut crowd = Crowd::default();
        let stays = crowd.join();
        for _ in 0..10_000 {
            drop(crowd.join());
        }
        assert!(crowd.0.len() < 100, "{}", crowd.0.len());
        drop(stays);
    }
}
