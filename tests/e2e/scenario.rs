//! Scenario files: each kind of step and of expectation has a story that must hold and one that must fail for the reason that
//! is stated here. All are played through one shop, in one go.

mod faults;
mod kinds;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::Value;

use crate::stack::{Stack, code, workspace};

/// A story, and how it must end.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What stands between the preamble and the end of the file.
    pub(crate) story: &'static str,
    /// A part of the name of the step that fails, and a part of what is told of it.
    pub(crate) fails: Option<(&'static str, &'static str)>,
}

/// Everybody is there who is called for, and ann has an order.
const PREAMBLE: &str = "description: A test.
actors: {shoppers: [ann, bob], sellers: [sue]}
data: {cart: {basket: {lines: 2}}, mug: product}
steps:
  - register: ann
  - order: {by: ann, basket: cart, as: first}
";

/// Plays all of them, and compares how they ended with how they must.
pub(crate) fn played(stack: &Stack, cases: &[Case]) {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let mut paths = Vec::new();
    for case in cases {
        let path = folder.path().join(case.name).with_extension("yaml");
        fs::write(&path, format!("{PREAMBLE}{}", case.story)).expect("the temporary folder can be written");
        paths.push(path.to_str().expect("a path in UTF-8").to_owned());
    }
    let arguments: Vec<&str> = ["checkout", "run"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let (reports, exit) = stack.json(&arguments);
    let reports: BTreeMap<&str, &Value> = reports
        .as_array()
        .unwrap_or_else(|| panic!("{reports}"))
        .iter()
        .map(|report| (report["story"].as_str().expect("a story has a name"), report))
        .collect();
    for case in cases {
        let report = reports[case.name];
        let failed: Vec<&Value> =
            report["steps"].as_array().expect("steps").iter().filter(|step| step["outcome"] == "failed").collect();
        match case.fails {
            None => assert!(failed.is_empty() && report["held"] == true, "{}: {failed:#?}", case.name),
            Some((step, why)) => {
                assert_eq!(failed.len(), 1, "{}: {report:#}", case.name);
                let told = format!("{} / {}", failed[0]["expected"], failed[0]["observed"]);
                let name = failed[0]["name"].as_str().expect("a step has a name");
                assert!(name.contains(step) && told.contains(why), "{}: {name}: {told}", case.name);
                assert!(failed[0]["line"].as_u64().is_some(), "{}: it stands somewhere in its file", case.name);
                assert!(!report["timelines"].as_array().is_none_or(Vec::is_empty), "{}: {report:#}", case.name);
            }
        }
    }
    assert_eq!(exit, if cases.iter().any(|case| case.fails.is_some()) { 6 } else { 0 });
}

/// The words that a place of the schema knows.
fn words(schema: &Value, of: &str) -> BTreeSet<String> {
    let of = &schema["$defs"][of];
    let alternatives = of["oneOf"].as_array().cloned().unwrap_or_else(|| vec![of.clone()]);
    let keys = |one: &Value| one["properties"].as_object().into_iter().flat_map(|all| all.keys().cloned()).collect();
    alternatives.iter().flat_map(|one: &Value| -> Vec<String> { keys(one) }).collect()
}

#[test]
fn each_kind_of_step_expectation_and_fault_has_a_story_that_must_hold_and_one_that_must_fail() {
    let schema = fs::read_to_string(workspace().join("fixtures/scenarios/schema.json")).expect("it is committed");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let all = || {
        [kinds::STEPS, kinds::EXPECTATIONS, faults::FAULTS, faults::PUBLISHED]
            .into_iter()
            .chain(crate::faults::ALL)
            .flatten()
    };
    let says = |case: &Case, kind: &str| format!("{PREAMBLE}{}", case.story).contains(&format!("{kind}:"));
    for kind in ["Step", "Checks", "Fault"].into_iter().flat_map(|of| words(&schema, of)) {
        assert!(all().any(|case| case.fails.is_none() && says(case, &kind)), "nothing must hold of {kind}");
        assert!(all().any(|case| case.fails.is_some() && says(case, &kind)), "nothing must fail of {kind}");
    }
    // At which step, and why, is compared when they are played. Steps of a fault fail at the fault or at what it broke.
    for kind in words(&schema, "Step") {
        let word = kind.replace('_', " ");
        let fails_there = |case: &Case| case.fails.is_some_and(|(step, _)| step.contains(&word));
        let of_several = match kind.as_str() {
            "parallel" => all().any(|case| case.fails.is_some_and(|(step, _)| step.contains("branch"))),
            "repeat" => all().any(|case| case.fails.is_some_and(|(step, _)| step.contains("round"))),
            "fault" => true,
            _ => false,
        };
        assert!(of_several || all().any(fails_there), "no story must fail at {word}");
    }
}

#[test]
fn a_wrong_scenario_is_refused_with_its_place_before_anything_is_played() {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let path = folder.path().join("typo.yaml");
    fs::write(&path, "description: A typo.\nactors: {shoppers: [ann]}\nsteps:\n  - regster: ann\n")
        .expect("it is written");
    let output = Stack::new("absent").run(&["checkout", "run", path.to_str().expect("a path in UTF-8")]);
    assert_eq!(code(&output), 2);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("typo.yaml:4:5: ") && said.contains("did you mean register?"), "{said}");
}

#[test]
fn a_scenario_that_does_not_exist_is_told_with_the_likeliest_one() {
    let output = Stack::new("absent").run(&["checkout", "run", "order-kiled"]);
    assert_eq!(code(&output), 2);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("did you mean order-killed?"), "{said}");
}

#[test]
fn the_same_seed_draws_the_same_data() {
    let stack = Stack::shared();
    let drawn = |seed: &str| {
        let (reports, exit) = stack.json(&["checkout", "run", "happy-path", "--seed", seed]);
        assert_eq!(exit, 0, "{reports:#}");
        reports[0]["steps"][0]["detail"].as_str().expect("what was drawn is told").to_owned()
    };
    assert_eq!(drawn("7"), drawn("7"));
    assert_ne!(drawn("7").replace("seed 7", ""), drawn("8").replace("seed 8", ""));
}
