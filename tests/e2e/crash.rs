//! Services that die at the worst moment: nothing is lost, nothing is applied twice.

use std::{collections::BTreeSet, fs};

use serde_json::Value;
use shopctl_scenario::crash::{Blow, select};
use sqlx::{Connection as _, PgConnection};
use testkit::crash::points;

use crate::stack::{Stack, code, workspace};

/// What only a repair, an import, poison or the hourly broom comes to, or product on Elasticsearch: the services' own tests
/// have a death at each of these.
const SELDOM: [&str; 19] = [
    "change-after-write",
    "change-before-write",
    "create-after-write",
    "create-before-write",
    "delivery-after-claim",
    "delivery-after-retry",
    "delivery-before-retry",
    "forget-after-delete",
    "forget-before-delete",
    "group-after-decision",
    "group-after-settling",
    "group-before-decision",
    "import-after-commit",
    "import-before-commit",
    "letter-after-publish",
    "letter-before-publish",
    "telling-after-claim",
    "telling-after-retry",
    "telling-before-retry",
];

#[test]
fn checkouts_are_struck_at_every_point_that_they_come_to() {
    let services = workspace().join("services");
    let packages = fs::read_dir(&services).expect("the services are there");
    let there: BTreeSet<String> = packages
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|package| package.join("Cargo.toml").is_file())
        .flat_map(points)
        .collect();
    let all = select(&[]).expect("all of them");
    let struck = all.into_iter().filter_map(|target| match target.blow {
        Blow::Point(point) => Some(point.to_owned()),
        Blow::Kill => None,
    });
    let known: BTreeSet<String> = struck.chain(SELDOM.map(str::to_owned)).collect();
    assert_eq!(there, known);
}

/// What `checkout crash` reports of a shop, and its exit code.
fn crash(stack: &Stack, arguments: &[&str]) -> (Value, i32) {
    stack.json(&[&["checkout", "crash", "--seed", "11"], arguments].concat())
}

fn faults(stack: &Stack) -> Value {
    let (status, _) = stack.json(&["status"]);
    let resources = status["resources"].as_array().expect("resources");
    resources.iter().filter(|one| one["name"] == "order").map(|one| one["faults"].clone()).collect()
}

#[tokio::test]
#[cfg_attr(feature = "docker", ignore = "the services die the same way on containers")]
async fn wherever_services_die_nothing_is_lost_or_done_twice_and_what_is_wrong_is_found() {
    let stack = Stack::new("crash");
    stack.succeeds(&["up", "--isolated", "--detach", "--failpoints"]);
    // Before the order stands, between its event's publication and the mark, and with the money taken but not told.
    let points = "order.create-before-commit,order.relay-before-mark,payment.webhook-after-commit,gateway.kill";
    let (report, exit) = crash(&stack, &["--checkouts", "16", "--points", points]);
    assert_eq!(exit, 0, "{report:#}");
    assert_eq!((&report["findings"], &report["invariants"]["held"]), (&Value::Array(vec![]), &true.into()));
    let rounds = report["rounds"].as_array().expect("rounds");
    let struck: BTreeSet<&str> = rounds.iter().filter_map(|round| round["target"].as_str()).collect();
    assert_eq!(struck, points.split(',').collect());
    for round in rounds {
        assert!(!round["recoveries"].as_array().expect("recoveries").is_empty(), "{round:#}");
        assert!(round["checkouts"].as_u64() >= Some(16), "{round:#}");
    }
    let ended = report["paid"].as_u64().zip(report["cancelled"].as_u64()).map(|(paid, cancelled)| paid + cancelled);
    let begun: u64 = rounds.iter().filter_map(|round| round["checkouts"].as_u64()).sum();
    assert_eq!(ended, Some(begun), "{report:#}");
    assert_eq!(faults(&stack), serde_json::json!([[]]), "no point stays set");

    // What the relay has published twice is one event.
    let (verified, exit) = stack.json(&["verify"]);
    assert_eq!(exit, 0, "{verified:#}");
    assert!(verified["checked"]["records"].as_u64() > verified["checked"]["order_events"].as_u64(), "{verified:#}");

    // The same eye sees an order that is taken away behind the shop's back.
    let mut database = PgConnection::connect(stack.shop().address("order_db")).await.expect("the database answers");
    let steal = "UPDATE orders SET status = 'CANCELLED' WHERE id = (SELECT max(id) FROM orders WHERE status = 'PAID')";
    sqlx::query(steal).execute(&mut database).await.expect("the query is right");
    let output = stack.run(&["checkout", "crash", "--seed", "5", "--points", "gateway.kill", "--checkouts", "4"]);
    let said = [output.stdout.clone(), output.stderr.clone()].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert_eq!(code(&output), 7, "{said:?}");
    let again = "checkout crash --seed 5 --rounds 1 --points gateway.kill --checkouts 4 --in-flight 8";
    assert!(said.iter().all(|text| text.contains(again)), "{said:?}");

    // A shopper who cannot pay is told at which step, and why.
    stack.succeeds(&["stop", "payment"]);
    let (report, exit) = stack.json(&["checkout"]);
    assert_eq!(exit, 6, "{report:#}");
    assert_eq!(report["held"], Value::Bool(false));
    let last = report["steps"].as_array().and_then(|steps| steps.last()).expect("steps");
    assert_eq!((last["name"].as_str(), last["outcome"].as_str()), (Some("check out"), Some("failed")), "{last}");
    assert!(last["expected"].is_string() && last["observed"].is_string());
}

#[test]
#[cfg_attr(feature = "docker", ignore = "the services die the same way on containers")]
fn a_shop_without_failpoints_says_so_and_how_to_have_them() {
    let output = Stack::shared().run(&["checkout", "crash", "--points", "order.create-before-commit"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), 1, "{said}");
    assert!(said.contains("`shopctl up --failpoints`") && said.contains("--points kill"), "{said}");
    let output = Stack::shared().run(&["checkout", "crash", "--points", "order.create-befor-commit"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), 2, "{said}");
    assert!(said.contains("is it order.create-before-commit?"), "{said}");
}
