use std::process::{Command, ExitCode, ExitStatus};

use bus::{PgOutbox, Relay, Settings};
use kit::Shutdown;
use rdkafka::Message;
use testkit::brokers::{Broker, Kind};
use testkit::cases;
use testkit::trials::Case;

use crate::setup::{Ledger, Shop, by_key};

pub(crate) const CASES: &[Case<Kind>] = cases![
    a_relay_that_dies_before_it_publishes_loses_nothing,
    a_relay_that_dies_before_it_marks_publishes_again_and_the_effect_stays_one,
];

/// Whether this process is one that another started to see it die.
pub(crate) fn is_victim() -> bool {
    std::env::var_os("VICTIM_DATABASE").is_some()
}

/// A relay in a process of its own, which dies at the failpoint that its environment names.
#[tokio::main]
pub(crate) async fn victim() -> ExitCode {
    let variable = |name| std::env::var(name).expect("set by the test that starts this");
    let _armed = kit::crash::arm();
    let pool = kit::database::connect(&variable("VICTIM_DATABASE")).await.expect("a URL");
    let settings = Settings { brokers: variable("VICTIM_BROKERS"), client_id: "victim".to_owned() };
    let (relay, _) = Relay::new(&settings, PgOutbox::new(pool)).expect("a client");
    relay.run(Shutdown::new()).await;
    ExitCode::SUCCESS
}

async fn die_at(failpoint: &str, shop: &Shop, url: &str) -> ExitStatus {
    let mut command = Command::new(std::env::current_exe().expect("this is a program"));
    command
        .env("FAILPOINTS", format!("{failpoint}=return"))
        .env("VICTIM_DATABASE", url)
        .env("VICTIM_BROKERS", shop.broker.brokers());
    tokio::task::spawn_blocking(move || command.status().expect("it can be executed")).await.expect("no panic")
}

/// How often the first event stands in the topic after a relay died at `failpoint` and another went on.
async fn copies_after(on: Kind, failpoint: &str) -> usize {
    let database = testkit::postgres::database().await;
    let shop = Shop::with(Broker::any(on).await, &database.url).await;
    let _consumer = shop.consumer(&Ledger::default());
    for n in 0..3 {
        shop.commit("a", n).await;
    }
    let status = die_at(failpoint, &shop, &database.url).await;
    assert!(!status.success(), "it was killed: {status}");
    assert_eq!(shop.waiting().await, 3, "nothing was marked");
    let (_relay, _) = shop.relay();
    shop.published_all().await;
    shop.eventually_applied("a", &[0, 1, 2]).await;
    let records = shop.records(&shop.topic).await;
    assert_eq!(by_key(&records)["a"], [0, 1, 2]);
    let first = records.iter().find_map(Message::payload).expect("a value");
    records.iter().filter(|record| record.payload() == Some(first)).count()
}

async fn a_relay_that_dies_before_it_publishes_loses_nothing(on: Kind) {
    assert_eq!(copies_after(on, "relay-before-publish").await, 1);
}

async fn a_relay_that_dies_before_it_marks_publishes_again_and_the_effect_stays_one(on: Kind) {
    assert_eq!(copies_after(on, "relay-before-mark").await, 2);
}
