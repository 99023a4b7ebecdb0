use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report as Document, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::{Part, Played, Skipped, Suite, text::details};

/// JUnit's XML, as Jenkins and GitLab read it.
///
/// # Errors
/// When it cannot be written down, in words.
pub fn junit(suite: &Suite) -> Result<String, String> {
    let mut document = Document::new("shopctl smoke");
    document.set_time(seconds(suite.seconds));
    let mut scenarios = TestSuite::new("scenarios");
    scenarios.add_property(Property::new("seed", suite.seed.to_string()));
    scenarios.add_property(Property::new("repeat", suite.repeat.as_str()));
    scenarios.set_time(seconds(suite.scenarios.iter().map(|played| played.report.seconds).sum()));
    scenarios.add_test_cases(suite.scenarios.iter().map(story));
    scenarios.add_test_cases(suite.skipped.iter().map(skipped));
    let mut shop = TestSuite::new("shop");
    let parts = [
        ("boot", Some(&suite.boot)),
        ("invariants", suite.invariants.as_ref()),
        ("tear down", suite.tear_down.as_ref()),
    ];
    for (name, part) in parts {
        shop.add_test_cases(part.map(|part| of_part(name, part)));
    }
    document.add_test_suites([shop, scenarios]);
    let text = document.to_string().map_err(|error| error.to_string())?;
    // Of the whole document, where Jenkins' schema knows no such attribute.
    Ok(text.replacen(&format!(" skipped=\"{}\"", suite.skipped.len()), "", 1))
}

fn story(played: &Played) -> TestCase {
    let mut status =
        if played.held() { TestCaseStatus::success() } else { failed(&played.headline(), &details(played)) };
    for earlier in &played.earlier {
        let mut rerun = TestRerun::new(NonSuccessKind::Failure);
        let earlier = Played { report: earlier.clone(), earlier: Vec::new(), violations: Vec::new() };
        rerun.set_type("scenario").set_message(earlier.headline()).set_stack_trace(details(&earlier));
        status.add_rerun(rerun);
    }
    let mut case = TestCase::new(played.report.story.as_str(), status);
    case.set_classname("scenarios").set_time(seconds(played.report.seconds));
    case
}

fn skipped(skipped: &Skipped) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    status.set_message(skipped.why.as_str());
    let mut case = TestCase::new(skipped.story.as_str(), status);
    case.set_classname("scenarios");
    case
}

fn of_part(name: &str, part: &Part) -> TestCase {
    let status = match part.problems.first() {
        None => TestCaseStatus::success(),
        Some(first) => failed(first, &part.problems.join("\n")),
    };
    let mut case = TestCase::new(name, status);
    case.set_classname("shop").set_time(seconds(part.seconds));
    case
}

fn failed(message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type("expectation").set_message(message).set_description(description);
    status
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
