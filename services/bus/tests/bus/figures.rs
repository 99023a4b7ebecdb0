//! What each broker costs, on a machine that does nothing else: `cargo test -p bus --test bus -- --ignored figures`, with
//! `--test-threads 1`.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use bus::{Consumer, HandleError, Handler, Received};
use sqlx::PgConnection;
use testkit::brokers::Kind;
use testkit::cases;
use testkit::trials::Case;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::setup::{LONG, Running, Shop};

pub(crate) const CASES: &[Case<Kind>] = cases![
    #[ignore]
    one_event_at_a_time,
    #[ignore]
    ten_thousand_events,
];

/// Tells when it was given an event, and does nothing with it.
struct Stopwatch(UnboundedSender<Instant>);

#[async_trait]
impl Handler for Stopwatch {
    async fn handle(&self, _: &mut PgConnection, _: &Received) -> Result<(), HandleError> {
        self.0.send(Instant::now()).map_err(|closed| HandleError::Unavailable(closed.into()))
    }
}

fn consumer(shop: &Shop) -> (Running, UnboundedReceiver<Instant>) {
    let (told, handled) = unbounded_channel();
    let consumer =
        Consumer::new(&shop.settings(), &shop.group, &[&shop.topic], shop.connections.clone(), Stopwatch(told))
            .expect("a client");
    (Running::start(|shutdown| consumer.run(shutdown)), handled)
}

async fn next(handled: &mut UnboundedReceiver<Instant>) -> Instant {
    tokio::time::timeout(LONG, handled.recv()).await.expect("in time").expect("the consumer runs")
}

async fn one_event_at_a_time(on: Kind) {
    const EVENTS: i32 = 1000;
    let shop = Shop::open(on).await;
    let (_relay, wake) = shop.relay();
    let (_consumer, mut handled) = consumer(&shop);
    let mut taken = Vec::new();
    for n in 0..EVENTS {
        shop.commit(&n.to_string(), n).await;
        let committed = Instant::now();
        wake.wake();
        taken.push(next(&mut handled).await - committed);
    }
    // The first one waits for the group.
    let joined = taken.remove(0);
    taken.sort();
    let at = |share: f64| taken[(taken.len() as f64 * share) as usize];
    eprintln!("{on:?}: from commit to handler: first {joined:?}, p50 {:?}, p99 {:?}", at(0.5), at(0.99));
}

async fn ten_thousand_events(on: Kind) {
    const EVENTS: i32 = 10_000;
    let shop = Shop::open(on).await;
    let mut transaction = shop.pool.begin().await.expect("begun");
    for n in 0..EVENTS {
        bus::outbox::insert(&mut transaction, &shop.event(&(n % 100).to_string(), n)).await.expect("inserted");
    }
    transaction.commit().await.expect("committed");
    let began = Instant::now();
    let (_relay, _) = shop.relay();
    shop.published_all().await;
    let relayed = began.elapsed();
    let (_consumer, mut handled) = consumer(&shop);
    let first = next(&mut handled).await;
    let mut last = first;
    for _ in 1..EVENTS {
        last = next(&mut handled).await;
    }
    let rate = |took: Duration| f64::from(EVENTS) / took.as_secs_f64();
    eprintln!("{on:?}: relayed {:.0}/s, consumed {:.0}/s", rate(relayed), rate(last - first));
}
