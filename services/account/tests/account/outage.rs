//! The database goes away and comes back while everybody logs in.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use kit::auth::Mode;
use testkit::eventually;
use testkit::postgres::Cluster;
use tonic::Code;

use crate::shop::Shop;

const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_restarts_or_crashes_costs_logins_no_more_than_unavailable_and_loses_nobody() {
    let mut cluster = Cluster::start().await;
    let shop = Shop::on(cluster.database().await, Mode::Required).await;
    shop.register("Ada", "ada@example.com", "long enough").await.expect("registered");
    let (ended, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let customers = join_all((0..4).map(async |n| {
        let mut registered = Vec::new();
        while !ended.load(Ordering::Relaxed) {
            let email = format!("{n}-{}@example.com", registered.len());
            match shop.register("Bob", &email, "long enough").await {
                Ok(_) => {
                    answered.fetch_add(1, Ordering::Relaxed);
                    registered.push(email);
                }
                // The answer to the first try was lost with its connection.
                Err(status) if status.code() == Code::AlreadyExists => registered.push(email),
                Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
            }
        }
        registered
    }));
    let outages = async {
        for crash in [false, true, false, true] {
            let goal = answered.load(Ordering::Relaxed) + 4;
            let goes_on = async || (answered.load(Ordering::Relaxed) >= goal).then_some(());
            eventually(SOON, "people register", goes_on).await;
            if crash {
                cluster.crash()
            } else {
                cluster.stop()
            }
            cluster.restart().await;
        }
        logged_in(&shop, "ada@example.com").await;
        ended.store(true, Ordering::Relaxed);
    };
    let (registered, ()) = tokio::join!(customers, outages);
    for email in registered.iter().flatten() {
        logged_in(&shop, email).await;
    }
}

/// Who was told to be registered is.
async fn logged_in(shop: &Shop, email: &str) {
    let login = async || shop.login(email, "long enough").await.ok().map(drop);
    eventually(SOON, &format!("the login of {email}"), login).await;
}
