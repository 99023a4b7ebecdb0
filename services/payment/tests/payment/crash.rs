//! The service as a process of its own, killed without warning at whatever it is doing.

use std::process::{Command, Stdio};
use std::time::Duration;

use futures::future::join_all;
use reqwest::{Method, StatusCode};
use testkit::eventually;
use testkit::port::Port;
use testkit::process::Process;
use tokio::time::timeout;

use crate::orders::Health;
use crate::shop::{PATIENCE, SECRET, Shop};

const PAYMENT: &str = env!("CARGO_BIN_EXE_payment");

/// A payment process on the shop's database.
struct Running {
    process: Process,
    _ports: [Port; 2],
}

impl Running {
    /// Starts one; from now on the shop talks to it.
    async fn start(shop: &mut Shop, binary: &str, more: &[(&str, &str)]) -> Self {
        Self::start_and_log(shop, binary, more, Stdio::inherit()).await
    }

    async fn start_and_log(shop: &mut Shop, binary: &str, more: &[(&str, &str)], log: Stdio) -> Self {
        let ports = [Port::reserve(), Port::reserve()];
        let [http, grpc] = ports.each_ref().map(Port::address);
        let mut command = Command::new(binary);
        command
            .arg("serve")
            .envs(shop.settings())
            .envs([("HTTP_ADDR", http.to_string()), ("GRPC_ADDR", grpc.to_string()), ("RUST_LOG", "off".to_owned())])
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stderr(log);
        let process = Process::spawn(&mut command).expect("the binary can be executed");
        shop.turn_to(http, grpc);
        eventually(PATIENCE, "the process is ready", async || {
            let answer = shop.request(Method::GET, "/health/ready").send().await;
            answer.ok().filter(|answer| answer.status().is_success()).map(drop)
        })
        .await;
        Self { process, _ports: ports }
    }

    fn kill(&mut self) {
        self.process.kill().expect("it is ours");
        self.process.wait().expect("it is ours");
    }
}

#[tokio::test]
async fn a_kill_at_any_moment_loses_no_decision_and_tells_order_once() {
    let mut shop = Shop::closed(&[]).await;
    let mut orders = Vec::new();
    for round in 0..8 {
        let mut process = Running::start(&mut shop, PAYMENT, &[]).await;
        let mut pays = Vec::new();
        for _ in 0..6 {
            let (order, id) = shop.session().await;
            pays.push(shop.request(Method::POST, &format!("/simulate_payment_action/{id}/SUCCESS")).send());
            orders.push((order, id));
        }
        // Some rounds die in the middle, some when everything is done.
        let _ = timeout(Duration::from_millis(round * 8), join_all(pays)).await;
        process.kill();
    }
    let _process = Running::start(&mut shop, PAYMENT, &[]).await;
    let mut paid = 0;
    for (order, id) in &orders {
        if !shop.decided(id).await {
            assert_eq!(shop.stored(id).await, "PENDING", "nobody decided it");
            continue;
        }
        paid += 1;
        shop.settled(*order, "SUCCESS").await;
        assert_eq!(shop.orders.status(*order), "PAID");
        assert_eq!(shop.orders.changes(*order, "PAID"), 1);
    }
    assert!(paid > 0, "some round got that far");
}

#[tokio::test]
async fn a_success_that_was_taken_is_told_after_a_kill() {
    let mut shop = Shop::closed(&[]).await;
    let mut process = Running::start(&mut shop, PAYMENT, &[]).await;
    let (order, id) = shop.session().await;
    shop.orders.turn(Health::Hangs);
    assert_eq!(shop.webhook(&id, "SUCCESS").await, StatusCode::OK);
    process.kill();
    shop.orders.turn(Health::Up);
    let _process = Running::start(&mut shop, PAYMENT, &[]).await;
    shop.settled(order, "SUCCESS").await;
    assert_eq!(shop.orders.status(order), "PAID");
}

#[tokio::test]
async fn no_log_holds_the_link_with_which_one_may_pay() {
    let mut shop = Shop::closed(&[]).await;
    let log = tempfile::NamedTempFile::new().expect("the temporary folder can be written");
    let file = log.reopen().expect("it can be written");
    let _process = Running::start_and_log(&mut shop, PAYMENT, &[("RUST_LOG", "debug")], file.into()).await;
    let mut secrets = vec![SECRET.to_owned(), shop.settings()["DATABASE_URL"].clone()];
    for outcome in ["SUCCESS", "FAILED"] {
        let (order, id) = shop.session().await;
        shop.browse(&format!("/simulate_payment/{id}")).await;
        shop.webhook(&id, "NONSENSE").await;
        shop.get(&format!("/simulate_payment_action/{id}/{outcome}")).await;
        shop.settled(order, outcome).await;
        secrets.push(id);
    }
    let written = std::fs::read_to_string(log.path()).expect("it can be read");
    assert!(written.contains("took a webhook") && written.contains("/simulate_payment/{transaction_id}"), "{written}");
    for secret in secrets {
        assert!(!written.contains(&secret), "{secret} is in the log");
    }
}
