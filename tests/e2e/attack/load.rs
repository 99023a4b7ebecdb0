//! Customers who buy without pause.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use testkit::eventually;

use super::client::{Client, Outcome};
use crate::shop::SETTLED;

pub(super) struct Load {
    ended: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    customers: Crowd<(u64, Outcome)>,
}

/// Customers in a thread of their own: a test that blocks its own, to wait for the end of a process say, must not make
/// them pause.
pub(super) struct Crowd<T>(JoinHandle<Vec<T>>);

impl<T: Send + 'static> Crowd<T> {
    pub(super) fn of<F>(clients: impl IntoIterator<Item = Client>, each: F) -> Self
    where
        F: AsyncFn(Client) -> Vec<T> + Send + 'static,
    {
        let clients: Vec<Client> = clients.into_iter().collect();
        Self(std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be built").block_on(async {
                let crowd = clients.into_iter().map(|client| each(client.reconnected()));
                futures::future::join_all(crowd).await.into_iter().flatten().collect()
            })
        }))
    }

    /// Waits until all are done; answers with all that they saw.
    pub(super) async fn all(self) -> Vec<T> {
        let joined = tokio::task::spawn_blocking(|| self.0.join()).await.expect("joining does not panic");
        joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Load {
    /// Each of these buys one thing after the other.
    pub(super) fn of(clients: impl IntoIterator<Item = Client>) -> Self {
        let (ended, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (end, count) = (ended.clone(), done.clone());
        let customers = Crowd::of(clients, async move |client: Client| {
            let mut bought = Vec::new();
            while !end.load(Ordering::Relaxed) {
                // Which of the kinds of checkouts it is.
                let n = count.fetch_add(1, Ordering::Relaxed);
                bought.push(client.buy(n).await);
            }
            bought
        });
        Self { ended, done, customers }
    }

    /// Waits until as many more checkouts have begun.
    pub(super) async fn goes_on(&self, more: usize) {
        let goal = self.done.load(Ordering::Relaxed) + more;
        let what = format!("{more} more checkouts");
        eventually(SETTLED, &what, async || {
            assert!(!self.customers.0.is_finished(), "a customer gave up");
            (self.done.load(Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
    }

    /// Lets everybody finish; answers with what they saw of each order.
    pub(super) async fn end(self) -> BTreeMap<u64, Outcome> {
        self.ended.store(true, Ordering::Relaxed);
        self.customers.all().await.into_iter().collect()
    }
}

/// What customers saw is what the shop has.
pub(super) fn agrees(bought: &BTreeMap<u64, Outcome>, statuses: &BTreeMap<i64, String>) {
    for (order, outcome) in bought {
        let status = statuses.get(&i64::try_from(*order).expect("an id")).map(String::as_str);
        let expected: &[&str] = match outcome {
            Outcome::Paid => &["PAID"],
            Outcome::Cancelled => &["CANCELLED"],
            Outcome::Open => &["PENDING"],
            Outcome::Either => &["PAID", "CANCELLED"],
        };
        assert!(status.is_some_and(|status| expected.contains(&status)), "order {order} is {status:?}: {outcome:?}");
    }
}
