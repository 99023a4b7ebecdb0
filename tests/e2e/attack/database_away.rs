//! A database is stopped under load, and comes back.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use shopctl_kafka::{Tail, tail::Start};
use testkit::eventually;
use tonic::Code;
use uuid::Uuid;

use super::{
    client::Client,
    ledger,
    load::{Crowd, Load, agrees},
    part::Database,
    site,
};
use crate::promise::figure;

/// From a database's return to the first answer.
const RECOVERY: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outage {
    /// In an orderly way, and it comes back at once.
    Restart,
    /// It comes back at once and has to recover.
    Crash,
    /// It stays away for a while.
    Away,
}

/// A call that failed: when it began and ended, and how.
struct Failed {
    during: Range<Instant>,
    code: Code,
}

/// What somebody is told who keeps asking.
async fn told(client: Client, ended: &AtomicBool) -> Vec<Failed> {
    let mut told = Vec::new();
    while !ended.load(Ordering::Relaxed) {
        let mut began = Instant::now();
        let asked = async {
            let order = client.order(&Uuid::new_v4().to_string()).await?;
            began = Instant::now();
            client.check_out(order).await?;
            began = Instant::now();
            client.recommend().await?;
            began = Instant::now();
            client.cancel(order).await
        };
        if let Err(status) = asked.await {
            told.push(Failed { during: began..Instant::now(), code: status.code() });
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_restarts_crashes_or_is_away_costs_no_event_and_no_answer_after_it() {
    let away = Duration::from_secs(figure("ATTACK_DATABASE_AWAY", 20, 3));
    let mut site = site::exclusive().await;
    let site = site.as_mut().expect("it was booted");
    let client = Client::of(site).await;
    let dead = Tail::open(&site.brokers(), &["product_events.dlt", "order_events.dlt"], Start::Latest).await;
    let mut dead = dead.expect("the topics can be read");
    let load = Load::of(std::iter::repeat_n(client.clone(), 4));
    load.goes_on(4).await;
    let ended = Arc::new(AtomicBool::new(false));
    let told = {
        let ended = ended.clone();
        Crowd::of([client.clone()], async move |client| told(client, &ended).await)
    };
    let mut outages = Vec::new();
    for outage in [Outage::Restart, Outage::Crash, Outage::Away] {
        for database in Database::ALL {
            let began = Instant::now();
            match outage {
                Outage::Restart => site.take_away(database),
                Outage::Crash => site.crash(database),
                Outage::Away => {
                    site.take_away(database);
                    eventually(away * 2, "the outage", async || (began.elapsed() > away).then_some(())).await;
                }
            }
            site.bring_back(database).await;
            let back = Instant::now();
            eventually(RECOVERY, "the shop sells again", async || {
                let order = client.order(&Uuid::new_v4().to_string()).await.ok()?;
                client.check_out(order).await.ok()?;
                client.recommend().await.ok()
            })
            .await;
            let (gone, recovery) = (back - began, back.elapsed());
            eprintln!("{database:?}, {outage:?}: gone for {gone:?}, the shop sold {recovery:?} after its return");
            outages.push(began..Instant::now());
            load.goes_on(4).await;
        }
    }
    ended.store(true, Ordering::Relaxed);
    for Failed { during, code } in told.all().await {
        let outage = outages.iter().any(|outage| during.start < outage.end && outage.start < during.end);
        assert!(outage, "{code:?} while all was there");
        assert!(matches!(code, Code::Unavailable | Code::DeadlineExceeded), "{code:?} in an outage");
    }
    let bought = load.end().await;
    agrees(&bought, &ledger::holds(site).await);
    assert_eq!(dead.rest().await.expect("the topics can be read"), [], "an outage is no event's fault");
}
