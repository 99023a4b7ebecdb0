use std::{fs, time::Duration};

use serde_json::Value;

use super::*;

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_story_holds_only_if_every_step_did() {
    let mut shown = Vec::new();
    let mut show = |step: &Step| shown.push(step.name.clone());
    let mut recorder = Recorder::new("a story", &mut show);
    assert_eq!(recorder.step("one", SOON, async { Ok((1, "fine".into())) }).await, Ok(1));
    let wrong = async { same("a status of", &"PAID", &"PENDING").map(|()| ((), String::new())) };
    assert_eq!(recorder.step("two", SOON, wrong).await, Err(Stopped));
    let report = recorder.report(None);
    assert!(!report.held);
    let json = serde_json::to_value(&report.steps[1]).expect("it has a JSON form");
    assert_eq!(json["outcome"], "failed");
    assert_eq!(json["expected"], "a status of \"PAID\"");
    assert_eq!(json["observed"], "\"PENDING\"");
    assert_eq!(shown, ["one", "two"]);
}

#[tokio::test]
async fn a_step_that_never_ends_fails_at_its_deadline() {
    let mut show = |_: &Step| {};
    let mut recorder = Recorder::new("a story", &mut show);
    let never = std::future::pending::<Result<((), String), Failure>>();
    assert_eq!(recorder.step("never", Duration::from_millis(10), never).await, Err(Stopped));
    assert!(!recorder.report(None).held);
}

const EVIL: &str = "a mug <script>alert(1)</script> ]]> & \u{1b}[2J ``` \"x\"";

fn step(name: &str, outcome: Outcome) -> Step {
    Step { name: name.to_owned(), line: Some(12), seconds: 0.25, outcome }
}

fn failed_report() -> Report {
    let history = vec![Sight { seconds: 0.1, seen: EVIL.to_owned() }];
    let (expected, observed) = ("{\n  \"status\": \"PAID\"\n}".to_owned(), format!("{{\n  \"status\": \"{EVIL}\"\n}}"));
    let held = step("register ann", Outcome::Held { detail: EVIL.to_owned() });
    let failed = step("eventually first is PAID", Outcome::Failed { expected, observed, history });
    let moments = vec![Moment { seconds: -0.01, source: "order_db".to_owned(), what: EVIL.to_owned() }];
    Report {
        story: "order-killed".to_owned(),
        file: Some("fixtures/scenarios/order-killed.yaml".to_owned()),
        seed: Some(7),
        held: false,
        seconds: 1.5,
        order_id: Some(1),
        orders: vec![1],
        steps: vec![held, failed],
        timelines: vec![Timeline { order_id: 1, moments }],
        foreign: Vec::new(),
    }
}

/// One that has everything that there can be.
fn suite() -> Suite {
    let part =
        |problem: Option<&str>| Part { seconds: 0.5, problems: problem.map(str::to_owned).into_iter().collect() };
    let failed = failed_report();
    let held = Report {
        held: true,
        story: "happy-path".to_owned(),
        steps: Vec::new(),
        timelines: Vec::new(),
        ..failed.clone()
    };
    let plain = |report: Report| Played { report, earlier: Vec::new(), violations: Vec::new() };
    let flaky = Played {
        report: Report { story: "flaky".to_owned(), ..held.clone() },
        earlier: vec![failed.clone()],
        violations: Vec::new(),
    };
    let violating = Played {
        report: Report { story: "violating".to_owned(), ..held.clone() },
        earlier: Vec::new(),
        violations: vec![format!("order 1 is paid twice\n{EVIL}")],
    };
    Suite {
        instance: "smoke-1".to_owned(),
        seed: 7,
        began: "2026-11-27T08:00:00Z".to_owned(),
        seconds: 12.5,
        held: false,
        interrupted: false,
        boot: part(None),
        scenarios: vec![plain(held), plain(failed), flaky, violating],
        skipped: vec![Skipped { story: "in-between".to_owned(), why: format!("it takes --failpoints {EVIL}") }],
        invariants: Some(part(Some(EVIL))),
        tear_down: Some(part(None)),
        artifacts: Some("target/smoke/smoke-1".to_owned()),
        repeat: "shopctl smoke --seed 7".to_owned(),
    }
}

/// Also Jenkins' own schema, where its file is given.
fn schemas() -> Vec<String> {
    let own = include_str!("junit.xsd").to_owned();
    let theirs = std::env::var_os("JUNIT_XSD").map(|path| fs::read_to_string(path).expect("it can be read"));
    [own].into_iter().chain(theirs).collect()
}

fn violations(schema: &str, document: &str) -> Vec<String> {
    let schema = uppsala::parse(schema).expect("the schema is XML");
    let validator = uppsala::XsdValidator::from_schema(&schema).expect("it is a schema");
    let document = uppsala::parse(document).expect("the report is XML");
    validator.validate(&document).iter().map(ToString::to_string).collect()
}

#[test]
fn junit_is_what_jenkins_and_gitlab_read() {
    let document = junit(&suite()).expect("it can be written down");
    for schema in schemas() {
        assert_eq!(violations(&schema, &document), Vec::<String>::new(), "{document}");
        let odd = document.replacen("<testsuites ", "<testsuites colour=\"red\" ", 1);
        assert_ne!(violations(&schema, &odd), Vec::<String>::new(), "the schema is looked at");
    }
    for part in [
        "tests=\"8\" failures=\"3\"",
        "<skipped message=\"it takes --failpoints",
        "<flakyFailure ",
        "name=\"violating\"",
        "fixtures/scenarios/order-killed.yaml:12",
    ] {
        assert!(document.contains(part), "{part}: {document}");
    }
}

#[test]
fn the_json_report_fits_its_schema_which_is_committed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/scenarios/report.schema.json");
    let wanted = format!("{:#}\n", schema());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(path, &wanted).expect("the fixtures can be written");
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(committed == wanted, "{path} drifted: UPDATE_SCHEMAS=1 cargo test -p shopctl-scenario writes it anew");
    let schema: Value = serde_json::from_str(&committed).expect("it is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    let mut report = serde_json::to_value(suite()).expect("it has a JSON form");
    let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    report["scenarios"][1]["steps"][0]["outcome"] = "perhaps".into();
    assert!(!validator.is_valid(&report));
}

#[test]
fn the_page_needs_nothing_but_itself_and_runs_nothing_that_a_service_said() {
    let page = html(&suite());
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"), "{page}");
    assert!(page.contains("&lt;script&gt;"), "{page}");
    for part in [
        "order-killed",
        "flaky: held at try 2",
        "</b> was not played: it takes --failpoints",
        "shopctl smoke --seed 7",
        "order 1",
        "target/smoke/smoke-1",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn annotations_point_at_the_line_and_are_one_line_each() {
    let lines = github::annotations(&suite());
    assert!(lines.iter().all(|line| !line.contains('\n')), "{lines:?}");
    let failed = "::error file=fixtures/scenarios/order-killed.yaml,line=12,title=order-killed::failed at: eventually";
    assert!(lines.iter().any(|line| line.starts_with(failed)), "{lines:?}");
    let flaky = "::warning file=fixtures/scenarios/order-killed.yaml,title=flaky is flaky::";
    assert!(lines.iter().any(|line| line.starts_with(flaky)), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("::error title=invariants::")), "{lines:?}");
}

#[test]
fn the_summary_of_a_job_has_a_row_for_each_story_and_the_diff_of_each_failure() {
    let text = github::summary(&suite());
    for part in [
        "| ❌ | order-killed |",
        "| ✅ | happy-path |",
        "| ⚪ | in-between | | not played: it takes --failpoints",
        "### order-killed",
        "-   \"status\": \"PAID\"",
        "`shopctl smoke --seed 7`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.matches("```").count(), 4, "no service ends a fence: {text}");
}
