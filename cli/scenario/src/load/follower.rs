//! Who hears of orders from elsewhere than the answers: the events, and recommender's database.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::Rc,
    time::{Duration, Instant},
};

use shopctl_kafka::{Observer, Tail, tail::Start, topics::ORDER_EVENTS};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::{
    mpsc::{UnboundedReceiver, UnboundedSender},
    oneshot,
};

use super::Error;

/// Between two looks at what recommender has; it is what its times may be too long by.
const LOOK: Duration = Duration::from_millis(20);
const LAG: Duration = Duration::from_secs(1);

/// An order, and when something was heard of it.
pub(super) type Heard = (i64, Instant);

/// Tells of orders that are PAID.
pub(super) struct Paid(Tail);

impl Paid {
    /// From now on.
    pub(super) async fn open(brokers: &str) -> Result<Self, Error> {
        Ok(Self(Tail::open(brokers, &[ORDER_EVENTS], Start::Latest).await?))
    }

    /// Until nobody listens. A broker that refuses to give more shows as orders that are not PAID in time.
    pub(super) async fn tell(mut self, heard: UnboundedSender<Heard>) {
        while let Ok(event) = self.0.next().await {
            let order = event.data["order_id"].as_i64().filter(|_| event.kind.as_deref() == Some("order_paid"));
            if order.is_some_and(|order| heard.send((order, Instant::now())).is_err()) {
                break;
            }
        }
    }
}

/// Tells of orders that recommender has.
pub(super) struct Recommended {
    database: PgConnection,
    /// The newest revision that was told.
    known: i64,
}

impl Recommended {
    /// From now on.
    pub(super) async fn open(url: &str) -> Result<Self, Error> {
        let mut database = PgConnection::connect(url).await?;
        let newest = "SELECT COALESCE(max(revision), 0) FROM orders";
        let known = sqlx::query_scalar(newest).fetch_one(&mut database).await?;
        Ok(Self { database, known })
    }

    /// Until nobody listens. A database that is away shows as orders that are not recommended in time.
    pub(super) async fn tell(mut self, heard: UnboundedSender<Heard>) {
        let query = "SELECT id, revision FROM orders WHERE revision > $1 ORDER BY revision";
        while !heard.is_closed() {
            let rows = sqlx::query_as(query).bind(self.known).fetch_all(&mut self.database).await;
            let Ok(rows): Result<Vec<(i64, i64)>, _> = rows else { break };
            let now = Instant::now();
            for (order, revision) in rows {
                self.known = revision;
                // Asked again before the next look.
                let _ = heard.send((order, now));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Tells again and again how many records recommender and payment have not dealt with.
pub(super) async fn lag(brokers: &str, tell: impl Fn(Option<i64>)) {
    let Ok(observer) = Observer::new(brokers) else { return };
    loop {
        let groups = observer.lag().await.ok();
        let ours = |group: &&shopctl_kafka::lag::Group| ["recommender", "payment"].contains(&group.name.as_str());
        tell(groups.map(|groups| groups.iter().filter(ours).map(shopctl_kafka::lag::Group::lag).sum()));
        tokio::time::sleep(LAG).await;
    }
}

/// Joins what is heard with who waits for it, in any order.
#[derive(Default)]
pub(super) struct Waiters {
    heard: HashMap<i64, Instant>,
    waiting: HashMap<i64, oneshot::Sender<Instant>>,
}

impl Waiters {
    /// Takes in what is heard until nobody tells any more.
    pub(super) async fn follow(waiters: Rc<RefCell<Self>>, mut heard: UnboundedReceiver<Heard>) {
        while let Some((order, at)) = heard.recv().await {
            let mut waiters = waiters.borrow_mut();
            match waiters.waiting.remove(&order) {
                // Who waited may have lost patience.
                Some(waiting) => drop(waiting.send(at)),
                None => {
                    waiters.heard.entry(order).or_insert(at);
                }
            }
        }
    }

    /// When something was or is heard of the order.
    pub(super) fn wait(&mut self, order: i64) -> oneshot::Receiver<Instant> {
        let (tell, told) = oneshot::channel();
        match self.heard.remove(&order) {
            Some(at) => drop(tell.send(at)),
            None => drop(self.waiting.insert(order, tell)),
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_heard_before_somebody_asks_is_not_lost() {
        let waiters = Rc::new(RefCell::new(Waiters::default()));
        let (tell, told) = tokio::sync::mpsc::unbounded_channel();
        let (early, late) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let asked = waiters.borrow_mut().wait(2);
        tell.send((1, early)).expect("it is open");
        tell.send((2, late)).expect("it is open");
        drop(tell);
        Waiters::follow(Rc::clone(&waiters), told).await;
        let after = waiters.borrow_mut().wait(1);
        assert_eq!((after.await, asked.await), (Ok(early), Ok(late)));
    }
}
