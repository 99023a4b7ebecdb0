//! `shopctl verify` on a real shop: nothing is said of one that is as it should be, and every bug that is planted into its
//! databases and topics is named.

mod bugs;
mod scene;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::stack::{Stack, code};
use bugs::Bug;
use scene::Scene;

/// What a report says does not hold, each as its claim and all that it is about.
fn violations(report: &Value) -> BTreeSet<(String, Vec<String>, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let all = report["violations"].as_array().unwrap_or_else(|| panic!("{report:#}"));
    let violation = |one: &Value| {
        let objects = one["objects"].as_array().expect("objects").iter().map(text).collect();
        (text(&one["claim"]), objects, text(&one["found"]))
    };
    all.iter().map(violation).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_day_leaves_no_violation_and_each_planted_bug_is_named() {
    let stack = Stack::new("verify");
    stack.succeeds(&["up", "--isolated", "--detach"]);
    stack.succeeds(&["seed", "--history"]);
    let scene = Scene::play(stack.shop()).await;

    let (report, code) = stack.json(&["verify"]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["held"], true);
    let counts = scene.counts();
    for (what, least) in counts {
        assert!(report["checked"][what].as_i64().is_some_and(|count| count >= least), "{what}: {report:#}");
    }
    let said = stack.succeeds(&["verify"]);
    assert!(said.contains("invariants hold"), "{said}");

    let mut known = BTreeSet::new();
    for bug in Bug::ALL {
        let about = bug.plant(&scene, &stack).await;
        let (report, code) = stack.json(&["verify", "--wait", bug.wait()]);
        assert_eq!(code, 7, "{bug:?}: {report:#}");
        let found = violations(&report);
        let new: Vec<_> = found.difference(&known).collect();
        let named = new.iter().any(|(claim, objects, _)| claim == bug.claim() && objects.contains(&about));
        assert!(named, "{bug:?}: {} of {about} is not among {new:#?}", bug.claim());
        known = found;
    }
}

#[test]
fn a_shop_that_does_not_run_cannot_be_verified() {
    let stack = Stack::new("verify-nothing");
    let output = stack.run(&["verify"]);
    assert_eq!(code(&output), 8, "{}", String::from_utf8_lossy(&output.stderr));
}
