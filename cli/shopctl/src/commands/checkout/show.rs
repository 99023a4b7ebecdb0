//! What a story looks like in a terminal.

use owo_colors::OwoColorize as _;
use shopctl_scenario::{
    Outcome, Report, Step,
    report::{Sight, Timeline, diff},
};

use crate::lines::harmless;

/// Sights of a wait that are shown; the JSON has all.
const SIGHTS: usize = 8;

/// Longest text of one sight.
const WIDTH: usize = 160;

pub(crate) fn line(step: &Step) -> String {
    let took = format!("{:>8}", took(step.seconds));
    match &step.outcome {
        // What services say may quote a product's name.
        Outcome::Held { detail } => {
            format!("{} {} {:<34} {}", "✓".green(), took.dimmed(), step.name, harmless(detail).dimmed())
                .trim_end()
                .to_owned()
        }
        Outcome::Failed { expected, observed, history } => {
            let mut text = format!("{} {} {}", "✗".red(), took.dimmed(), step.name.bold());
            text.push_str(&difference(expected, observed));
            text.push_str(&seen(history));
            text
        }
    }
}

/// What was expected beside what was there: in two lines where both are short, else as a diff.
fn difference(expected: &str, observed: &str) -> String {
    if !expected.contains('\n') && !observed.contains('\n') {
        return format!(
            "\n             expected {}\n             observed {}",
            harmless(expected),
            harmless(observed).red()
        );
    }
    let mut text = format!("\n             {} {}", "- expected".green(), "+ observed".red());
    for (sign, line) in diff(expected, observed) {
        let line = format!("{sign} {}", harmless(&line));
        let line = match sign {
            '-' => line.green().to_string(),
            '+' => line.red().to_string(),
            _ => line,
        };
        text.push_str(&format!("\n             {line}"));
    }
    text
}

fn seen(history: &[Sight]) -> String {
    let left_out = history.len().saturating_sub(SIGHTS);
    let mut text = String::new();
    if left_out > 0 {
        text.push_str(&format!("\n             {left_out} earlier sights are left out"));
    }
    for Sight { seconds, seen } in &history[left_out..] {
        let seen: String = seen.chars().take(WIDTH).collect();
        text.push_str(&format!("\n             {} {}", format!("{seconds:>7.2} s").dimmed(), harmless(&seen)));
    }
    text
}

/// What happened to an order.
pub(crate) fn timeline(timeline: &Timeline) -> String {
    let mut text = format!("  order {}", timeline.order_id);
    for moment in &timeline.moments {
        let at = format!("{:>8.3} s", moment.seconds);
        text.push_str(&format!("\n  {} {:<13} {}", at.dimmed(), moment.source, harmless(&moment.what)));
    }
    text
}

pub(crate) fn verdict(report: &Report) -> String {
    let order = report.order_id.map(|id| format!("order {id} is ")).unwrap_or_default();
    format!("{order}PAID, and all that follows from it is so ({})", took(report.seconds))
}

pub(crate) fn took(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.2} s") }
}

/// A whole scenario in one line.
pub(crate) fn summary(report: &Report) -> String {
    let sign = if report.held { "✓".green().to_string() } else { "✗".red().to_string() };
    format!("{sign} {:>8} {}", took(report.seconds).dimmed(), report.story.bold())
}

/// A scenario that failed: the steps that did, where they stand, and its orders' timelines.
pub(crate) fn failure(report: &Report) -> String {
    let mut parts = Vec::new();
    for step in report.steps.iter().filter(|step| !step.held()) {
        if let (Some(file), Some(at)) = (&report.file, step.line) {
            parts.push(format!("  {file}:{at}"));
        }
        parts.push(line(step));
    }
    parts.extend(report.timelines.iter().map(timeline));
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, outcome: Outcome) -> Step {
        Step { name: name.into(), line: None, seconds: 1.5, outcome }
    }

    #[test]
    fn what_a_service_says_moves_no_cursor_and_forges_no_line() {
        let evil = "mug\u{1b}[2J\n✓ all is well\u{202e}";
        let failed = Outcome::Failed { expected: evil.into(), observed: evil.into(), history: Vec::new() };
        for outcome in [Outcome::Held { detail: evil.into() }, failed] {
            let text = line(&step("look", outcome));
            assert!(!text.contains("\u{1b}[2J") && !text.contains('\u{202e}'), "{text:?}");
            assert!(!text.contains("\n✓"), "{text:?}");
        }
    }

    #[test]
    fn a_failed_step_says_what_was_expected_and_what_was_observed() {
        let outcome = Outcome::Failed { expected: "PAID".into(), observed: "PENDING".into(), history: Vec::new() };
        let text = line(&step("wait for PAID", outcome));
        assert!(text.contains("expected PAID") && text.contains("PENDING") && text.contains("1.50 s"), "{text}");
    }

    #[test]
    fn what_has_many_lines_is_told_as_a_diff_with_what_was_seen_before() {
        let history = (0..10).map(|n| Sight { seconds: f64::from(n), seen: format!("sight {n}") }).collect();
        let (expected, observed) =
            ("{\n  \"status\": \"PAID\"\n}".to_owned(), "{\n  \"status\": \"PENDING\"\n}".to_owned());
        let text = line(&step("eventually", Outcome::Failed { expected, observed, history }));
        let text = anstream::adapter::strip_str(&text).to_string();
        assert!(
            text.contains("-   \"status\": \"PAID\"\n") && text.contains("+   \"status\": \"PENDING\"\n"),
            "{text}"
        );
        assert!(text.contains("2 earlier sights") && text.contains("sight 9") && !text.contains("sight 1\n"), "{text}");
    }
}
