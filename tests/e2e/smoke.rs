//! `shopctl smoke`, as a CI job calls it.

use std::{fs, path::Path, process::Output, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use testkit::eventually;

use crate::{
    processes::marked,
    stack::{Stack, binary, code, workspace},
};

/// For an instance to be up or gone, with the build before it waiting for another cargo.
const DEADLINE: Duration = Duration::from_secs(600);

/// All processes of an instance have it in their environment.
fn left(stack: &Stack) -> Vec<u32> {
    marked(&format!("SHOPCTL_INSTANCE={}", stack.instance))
}

fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The command that the documentation gives to CI.
fn documented() -> String {
    let page = read(&workspace().join("fixtures/scenarios/README.md"));
    let line = page.lines().find_map(|line| line.trim().strip_prefix("- run: ")).expect("there is a command");
    // What CI builds in release mode is built already.
    let command = line.strip_prefix("cargo run --release -- ").expect("it runs shopctl");
    format!("'{}' {}", binary().display(), command.replace(" --release", ""))
}

#[test]
fn the_smoke_that_is_documented_reports_and_leaves_nothing() {
    let stack = Stack::new("smoke");
    let folder = tempfile::tempdir_in(workspace().join("target")).expect("the target folder can be written");
    let path = |name: &str| folder.path().join(name);
    // One that is quick stands for all; the other one fails in a shop that it has never been played in.
    let again = "description: A test.\nactors: {shoppers: [again]}\nsteps:\n  - register: again\n  \
                 - sql: {database: account_db, query: \"SELECT id FROM accounts WHERE name = 'again'\", count: 2}\n";
    fs::write(path("again.yaml"), again).expect("the folder can be written");
    let only = "--only cancelled ./again.yaml --retries 1";
    let command = format!("{} {only} --seed 5 --artifacts artifacts", documented());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-ec", &command]).current_dir(folder.path()).env("SHOPCTL_INSTANCE", &stack.instance);
    for (name, value) in stack.shopctl(&[]).get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let output = shell.output().expect("there is a shell");
    assert_eq!(code(&output), 0, "{}", said(&output));
    let report: Value = serde_json::from_str(&read(&path("smoke.json"))).expect("JSON");
    assert_eq!((&report["held"], &report["seed"]), (&true.into(), &5.into()), "{report:#}");
    assert_eq!(report["scenarios"][0]["story"], "cancelled");
    assert_eq!(report["invariants"]["problems"], Value::Array(Vec::new()), "{report:#}");
    let flaky = &report["scenarios"][1];
    assert_eq!((&flaky["held"], flaky["earlier"].as_array().map(Vec::len)), (&true.into(), Some(1)), "{flaky:#}");
    let junit = read(&path("smoke.xml"));
    assert!(junit.contains("<testcase name=\"cancelled\"") && junit.contains("<flakyFailure "), "{junit}");
    assert!(read(&path("smoke.html")).starts_with("<!DOCTYPE html>"));
    assert!(!path("artifacts").exists(), "nothing failed");
    assert_eq!(left(&stack), Vec::<u32>::new());
    assert_eq!(code(&stack.run(&["status"])), 8);
}

#[test]
fn whatever_fails_is_told_with_all_that_tells_why_and_the_gravest_gives_the_exit_code() {
    let stack = Stack::new("fire");
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let file = |name: &str, steps: &str| {
        let path = folder.path().join(name).with_extension("yaml");
        let head = "description: A test.\nactors: {shoppers: [ann]}\ndata: {cart: {basket: {lines: 2}}}\nsteps:\n  \
                    - register: ann\n  - order: {by: ann, basket: cart, as: first}\n";
        fs::write(&path, format!("{head}{steps}")).expect("the temporary folder can be written");
        path.display().to_string()
    };
    let failing = file("failing", "  - eventually: {within: 200ms, that: {order: {of: first, status: PAID}}}\n");
    // A PAID order that nobody has paid.
    let planted = file(
        "planted",
        "  - sql: {database: order_db, query: \"UPDATE orders SET status = 'PAID' WHERE id = $1\", args: ['${first.id}']}\n",
    );
    let artifacts = folder.path().join("artifacts");
    let arguments = ["smoke", "--json", "--only", "cancelled", &failing, &planted, "--artifacts"];
    let summary = folder.path().join("summary.md");
    let mut smoke = stack.shopctl(&[&arguments, &[artifacts.to_str().expect("a path in UTF-8")][..]].concat());
    smoke.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
    let output = smoke.output().expect("it can be executed");
    assert_eq!(code(&output), 7, "{}", said(&output));
    let annotation = format!("::error file={failing},line=7,title=failing::failed at: eventually first is PAID");
    assert!(said(&output).lines().any(|line| line.starts_with(&annotation)), "{}", said(&output));
    assert!(read(&summary).contains("| ❌ | planted |"), "{}", read(&summary));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    let [cancelled, failed, violating] = [0, 1, 2].map(|n| &report["scenarios"][n]);
    assert!(cancelled["held"] == true && cancelled.get("violations").is_none(), "{cancelled:#}");
    assert!(failed["held"] == false && failed.get("violations").is_none(), "{failed:#}");
    assert!(failed.get("earlier").is_none(), "nobody has asked for another try: {failed:#}");
    assert!(violating["held"] == true && !violating["violations"][0].is_null(), "{violating:#}");

    let kept = Path::new(report["artifacts"].as_str().expect("a folder is named"));
    for (name, holds) in [
        ("logs.txt", "order"),
        ("events.jsonl", "order_cancelled"),
        ("failures.txt", "eventually first is PAID"),
        ("databases/order_db.jsonl", "CANCELLED"),
        ("databases/payment_db.jsonl", "VOIDED"),
        ("why.txt", "ready"),
        ("status.json", "gateway"),
        ("junit.xml", "failing"),
    ] {
        assert!(read(&kept.join(name)).contains(holds), "{name}");
    }
    let again = report["repeat"].as_str().expect("a command");
    assert!(read(&kept.join("repeat.txt")).contains(again));
    assert!(again.contains(&failing) && again.contains(&planted) && !again.contains("cancelled"), "{again}");
    assert_eq!(left(&stack), Vec::<u32>::new());
}

#[test]
#[cfg_attr(feature = "docker", ignore = "it ends before anything is asked of the infrastructure")]
fn what_does_not_boot_is_told_as_that_and_removed() {
    let stack = Stack::new("cold");
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let junit = folder.path().join("smoke.xml");
    let report = format!("junit={}", junit.display());
    let artifacts = folder.path().display().to_string();
    let wrong = ["smoke", "--only", "cancelled", "--env", "account.DATABASE_URL=nobody"];
    let (suite, code) = stack.json(&[&wrong[..], &["--report", &report, "--artifacts", &artifacts]].concat());
    assert_eq!((code, &suite["scenarios"]), (3, &Value::Array(Vec::new())), "{suite:#}");
    let problem = suite["boot"]["problems"][0].as_str().expect("it is told what is wrong");
    assert!(problem.starts_with("account-migrate "), "{problem}");
    assert!(read(&junit).contains("<failure message=\"account-migrate "), "{}", read(&junit));
    assert_eq!(left(&stack), Vec::<u32>::new());
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[cfg_attr(feature = "docker", ignore = "a killed supervisor and its containers have tests of their own")]
async fn a_killed_smoke_takes_its_shop_along_and_an_interrupted_one_removes_it_too() {
    for (name, signal) in [("smoke-killed", Signal::SIGKILL), ("smoke-interrupted", Signal::SIGINT)] {
        let stack = Stack::new(name);
        let mut smoke = stack.shopctl(&["smoke", "--only", "recommender-killed"]).spawn().expect("it can be executed");
        let up = async || stack.run(&["status"]).status.success().then_some(());
        eventually(DEADLINE, "its shop is up", up).await;
        kill(Pid::from_raw(i32::try_from(smoke.id()).expect("a pid fits")), signal).expect("it was not reaped yet");
        let status = smoke.wait().expect("it ends");
        if signal == Signal::SIGINT {
            assert_eq!(status.code(), Some(130));
            assert_eq!(stack.json(&["ps"]).0, Value::Array(Vec::new()), "nothing is left of it");
        }
        eventually(DEADLINE, "nothing of it is left", async || left(&stack).is_empty().then_some(())).await;
    }
}
