//! What GitHub Actions shows of a run: annotations at the files' lines, and a summary of the job.

use super::{Suite, text::details};

/// One line for each thing that failed, to be printed to stdout.
#[must_use]
pub fn annotations(suite: &Suite) -> Vec<String> {
    let mut lines = Vec::new();
    let parts = [
        ("boot", Some(&suite.boot)),
        ("invariants", suite.invariants.as_ref()),
        ("tear down", suite.tear_down.as_ref()),
    ];
    for (name, part) in parts {
        for problem in part.iter().flat_map(|part| &part.problems) {
            lines.push(format!("::error title={name}::{}", data(problem)));
        }
    }
    for played in &suite.scenarios {
        let report = &played.report;
        let place = |line: Option<u64>| match (&report.file, line) {
            (Some(file), Some(line)) => format!("file={},line={line},", property(file)),
            (Some(file), None) => format!("file={},", property(file)),
            (None, _) => String::new(),
        };
        if played.is_flaky() {
            let title = property(&format!("{} is flaky", report.story));
            let told = format!("held at try {}, after: {}", played.earlier.len() + 1, suite.repeat);
            lines.push(format!("::warning {}title={title}::{}", place(None), data(&told)));
        }
        if !played.held() {
            let line = report.steps.iter().find(|step| !step.held()).and_then(|step| step.line);
            let title = property(&report.story);
            let told = format!("{}\n{}\nagain: {}", played.headline(), details(played), suite.repeat);
            lines.push(format!("::error {}title={title}::{}", place(line), data(&told)));
        }
    }
    lines
}

/// Markdown for the job's page.
#[must_use]
pub fn summary(suite: &Suite) -> String {
    let sign = |held: bool| if held { "✅" } else { "❌" };
    let mut text = format!("## {} shopctl smoke\n\n", sign(suite.held));
    text.push_str(&format!("seed {}, {:.1} s. Again: `{}`\n\n", suite.seed, suite.seconds, suite.repeat));
    text.push_str("| | what | time | |\n|---|---|---|---|\n");
    let row = |held: bool, name: &str, seconds: f64, told: &str| {
        format!("| {} | {name} | {seconds:.2} s | {} |\n", sign(held), cell(told))
    };
    let of_part = |part: &super::Part| part.problems.first().cloned().unwrap_or_default();
    text.push_str(&row(suite.boot.held(), "boot", suite.boot.seconds, &of_part(&suite.boot)));
    for played in &suite.scenarios {
        let told = if played.is_flaky() { "flaky".to_owned() } else { played.headline() };
        text.push_str(&row(played.held(), &played.report.story, played.report.seconds, &told));
    }
    for skipped in &suite.skipped {
        text.push_str(&format!("| ⚪ | {} | | not played: {} |\n", skipped.story, cell(&skipped.why)));
    }
    for (name, part) in [("invariants", &suite.invariants), ("tear down", &suite.tear_down)] {
        if let Some(part) = part {
            text.push_str(&row(part.held(), name, part.seconds, &of_part(part)));
        }
    }
    for played in suite.scenarios.iter().filter(|played| !played.held()) {
        // A fence that nothing in it can end.
        let details = details(played).replace("```", "'''");
        text.push_str(&format!("\n### {}\n\n```diff\n{details}```\n", played.report.story));
    }
    text
}

/// As the runner wants the text of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('`', "'").replace('<', "&lt;").replace(char::is_control, " ")
}
