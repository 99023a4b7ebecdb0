use super::{Outcome, Played, Report, Step, diff};

/// A story that failed, as plain text: where, what, what was seen meanwhile, and what happened to its orders.
#[must_use]
pub fn details(played: &Played) -> String {
    let mut text = played.report.steps.iter().filter_map(|step| step_text(&played.report, step)).collect::<String>();
    for violation in &played.violations {
        text.push_str(&format!("invariant violated: {violation}\n"));
    }
    for timeline in &played.report.timelines {
        text.push_str(&format!("order {}\n", timeline.order_id));
        for moment in &timeline.moments {
            text.push_str(&format!("  {:>8.3} s  {:<13} {}\n", moment.seconds, moment.source, moment.what));
        }
    }
    text
}

fn step_text(report: &Report, step: &Step) -> Option<String> {
    let Outcome::Failed { expected, observed, history } = &step.outcome else { return None };
    let place = match (&report.file, step.line) {
        (Some(file), Some(line)) => format!("{file}:{line}: "),
        _ => String::new(),
    };
    let mut text = format!("{place}{}\n- expected + observed\n", step.name);
    for (sign, line) in diff(expected, observed) {
        text.push_str(&format!("{sign} {line}\n"));
    }
    for sight in history {
        text.push_str(&format!("  {:>8.3} s  {}\n", sight.seconds, sight.seen));
    }
    Some(text)
}
