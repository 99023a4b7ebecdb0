//! The commands that work on a running shop.

use std::time::{Duration, Instant};

use crate::{
    promise::limit,
    stack::{Stack, code},
};

#[test]
fn a_checkout_holds_and_tells_its_steps() {
    let (report, code) = Stack::shared().json(&["checkout", "--seed", "1"]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["held"], true);
    assert!(report["order_id"].as_i64().is_some_and(|id| id > 0));
    let steps = report["steps"].as_array().expect("steps");
    for name in ["order", "pay", "wait for PAID", "transaction", "total", "events", "recommendations"] {
        let step = steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("no step {name}"));
        assert_eq!(step["outcome"], "held");
        assert!(step["seconds"].as_f64().is_some());
    }
}

#[test]
fn a_checkout_without_a_shop_says_so() {
    assert_eq!(code(&Stack::new("absent").run(&["checkout"])), 8);
}

#[test]
fn seeding_again_creates_nothing_and_imports_no_history_twice() {
    let stack = Stack::shared();
    // Only this test imports it.
    for imported in [798, 0] {
        let started = Instant::now();
        let (outcome, code) = stack.json(&["seed", "--history"]);
        let (took, limit) = (started.elapsed(), limit(Duration::from_secs(3), Duration::from_secs(30)));
        assert!(took < limit, "{took:?}");
        assert_eq!(code, 0);
        assert_eq!((&outcome["products"], &outcome["present"]), (&0.into(), &2205.into()), "{outcome}");
        assert_eq!(outcome["baskets"], imported);
    }
}

#[test]
fn migrating_again_is_fine_and_nonsense_is_a_usage_error() {
    let stack = Stack::shared();
    let (outcome, code_of_all) = stack.json(&["migrate"]);
    assert_eq!(code_of_all, 0);
    assert_eq!(outcome["migrated"], serde_json::json!(["account", "order", "payment", "recommender"]));
    assert_eq!(code(&stack.run(&["migrate", "gateway"])), 2);
}

#[test]
fn doctor_finds_a_machine_that_runs_the_shop_to_be_healthy() {
    let (report, code) = Stack::shared().json(&["doctor"]);
    assert_eq!(code, 0, "{report:#}");
    let findings = report["findings"].as_array().expect("findings");
    assert!(findings.iter().any(|finding| finding["check"] == "PostgreSQL"), "{report:#}");
}
