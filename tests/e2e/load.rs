//! `shopctl checkout load`: what it measures, and the three ways in which it can end.

use serde_json::Value;
use sqlx::{Connection as _, PgConnection};

use crate::stack::{Stack, code};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_says_what_it_measured_and_ends_by_thresholds_and_invariants() {
    let stack = Stack::new("load");
    stack.succeeds(&["up", "--isolated", "--detach"]);
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let (html, json) = (folder.path().join("load.html"), folder.path().join("load.json"));
    let reports = format!("html={},json={}", html.display(), json.display());
    let steady = ["checkout", "load", "--rate", "5/s", "--duration", "2s", "--accounts", "2"];

    let kept = ["--threshold", "failed<=0", "--threshold", "recommended.p99<1m", "--report", &reports];
    let (report, code) = stack.json(&[&steady[..], &kept].concat());
    assert_eq!(code, 0, "{report:#}");
    let counts = ["started", "paid", "failed"].map(|what| report[what].as_u64());
    assert_eq!(counts, [Some(10), Some(10), Some(0)], "{report:#}");
    let steps = report["steps"].as_array().expect("steps").iter();
    let steps: Vec<(&str, u64)> =
        steps.filter_map(|one| Some((one["step"].as_str()?, one["count"].as_u64()?))).collect();
    let all = ["order", "check-out", "page", "pay", "paid", "recommended", "checkout"];
    assert_eq!(steps, all.map(|step| (step, 10)));
    assert_eq!(report["invariants"]["held"], true, "{report:#}");
    let written: Value = serde_json::from_slice(&std::fs::read(json).expect("it was written")).expect("it is JSON");
    assert_eq!(written["seed"], report["seed"]);
    assert!(std::fs::read_to_string(html).expect("it was written").contains("<svg"));

    let closed = ["checkout", "load", "--in-flight", "2", "--duration", "1s", "--accounts", "1", "--no-verify"];
    let missed = stack.run(&[&closed[..], &["--threshold", "p50<1us"]].concat());
    let said = String::from_utf8_lossy(&missed.stderr);
    assert_eq!(self::code(&missed), 6, "{said}");
    assert!(said.contains("thresholds missed: p50<1us"), "{said}");

    stack.succeeds(&["stop", "payment"]);
    let (report, code) = stack.json(&[&steady[..], &["--no-verify", "--threshold", "failed<0.1%"]].concat());
    assert_eq!((code, report["failed"].as_u64()), (6, Some(10)), "{report:#}");
    let errors = report["errors"].as_object().expect("errors");
    assert!(errors.keys().all(|cause| cause.starts_with("check-out: ")), "{errors:?}");
    stack.succeeds(&["start", "payment"]);

    let shop = stack.shop();
    let mut database = PgConnection::connect(shop.address("order_db")).await.expect("it answers");
    let lie = "UPDATE orders SET total_cents = total_cents + 1 WHERE id = (SELECT min(id) FROM orders)";
    sqlx::raw_sql(lie).execute(&mut database).await.expect("it can be changed");
    // Long enough for two looks that are 5 s apart, on a busy machine too. The missed threshold counts for less.
    let watched = ["checkout", "load", "--rate", "2/s", "--duration", "20s", "--accounts", "1", "--watch-invariants"];
    let (report, code) = stack.json(&[&watched[..], &["--threshold", "p50<1us"]].concat());
    let lasted = report["watched"].as_array().expect("a list");
    let named = |one: &&Value| one["claim"] == "totals" && one["objects"][0].is_string();
    assert!(code == 7 && lasted.iter().filter(named).count() == 1, "{code}: {report:#}");
    assert_eq!(report["invariants"]["counts"]["totals"], 1, "{report:#}");
}
