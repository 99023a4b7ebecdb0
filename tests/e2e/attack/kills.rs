//! Processes that die in the middle of everything.

use super::{
    client::Client,
    ledger,
    load::{Load, agrees},
    part::Part,
    site,
};

const ROUNDS: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_killed_under_load_loses_nothing_and_does_nothing_twice() {
    let mut site = site::exclusive().await;
    let site = site.as_mut().expect("it was booted");
    let client = Client::of(site).await;
    let load = Load::of(std::iter::repeat_n(client.clone(), 6));
    for _ in 0..ROUNDS {
        for part in [Part::Order, Part::Payment, Part::Product, Part::Recommender, Part::Gateway, Part::Broker] {
            load.goes_on(1 + rand::random::<u8>() as usize % 8).await;
            site.kill(part);
            site.start(part).await;
        }
    }
    load.goes_on(8).await;
    let bought = load.end().await;
    agrees(&bought, &ledger::holds(site).await);
}
