use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Outcome, Part, Played, Step, Suite, diff};

const STYLE: &str = "
:root { color-scheme: light dark; --good: #14713d; --bad: #b42318; --soft: #667085; --line: #d0d5dd55; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } code, pre { font: 13px/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; background: #8881; padding: .6rem; border-radius: .4rem; margin: .4rem 0; }
.good { color: var(--good); } .bad { color: var(--bad); } .soft { color: var(--soft); }
details { border-top: 1px solid var(--line); padding: .35rem 0; } summary { cursor: pointer; }
table { border-collapse: collapse; width: 100%; } td { padding: .1rem .6rem .1rem 0; vertical-align: top; }
td.time { text-align: right; white-space: nowrap; color: var(--soft); font-variant-numeric: tabular-nums; }
@media (prefers-color-scheme: dark) { :root { --good: #6ce9a6; --bad: #fda29b; } }
";

/// A page that needs nothing but itself.
#[must_use]
pub fn html(suite: &Suite) -> String {
    let failed = suite.scenarios.iter().filter(|played| !played.held()).count();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "shopctl smoke: " (if suite.held { "held" } else { "failed" }) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (mark(suite.held)) " " (suite.scenarios.len()) " scenarios, " (failed) " failed" }
                p.soft {
                    (suite.began) ", " (took(suite.seconds)) ", instance " (suite.instance) ", seed " (suite.seed)
                    @if suite.interrupted { ", interrupted" }
                }
                p { "Again: " code { (suite.repeat) } }
                @if let Some(folder) = &suite.artifacts { p { "Logs, events and dumps: " code { (folder) } } }
                (part("boot", &suite.boot))
                @for played in &suite.scenarios { (story(played)) }
                @for skipped in &suite.skipped {
                    p.soft { "○ " b { (skipped.story) } " was not played: " (skipped.why) }
                }
                @if let Some(invariants) = &suite.invariants { (part("invariants", invariants)) }
                @if let Some(down) = &suite.tear_down { (part("tear down", down)) }
            }
        }
    };
    page.into_string()
}

fn mark(held: bool) -> Markup {
    html! { @if held { span.good { "✓" } } @else { span.bad { "✗" } } }
}

fn part(name: &str, part: &Part) -> Markup {
    html! {
        details open[!part.held()] {
            summary { (mark(part.held())) " " (name) " " span.soft { (took(part.seconds)) } }
            @for problem in &part.problems { pre.bad { (problem) } }
        }
    }
}

fn story(played: &Played) -> Markup {
    let report = &played.report;
    html! {
        details open[!played.held()] {
            summary {
                (mark(played.held())) " " b { (report.story) } " " span.soft { (took(report.seconds)) }
                @if played.is_flaky() { " " span.bad { "flaky: held at try " (played.earlier.len() + 1) } }
            }
            table { @for one in &report.steps { (step(one, report.file.as_deref())) } }
            @for violation in &played.violations { pre.bad { (violation) } }
            @for timeline in &report.timelines {
                p { "order " (timeline.order_id) }
                table {
                    @for moment in &timeline.moments {
                        tr { td.time { (format!("{:.3} s", moment.seconds)) } td.soft { (moment.source) } td { (moment.what) } }
                    }
                }
            }
        }
    }
}

fn step(step: &Step, file: Option<&str>) -> Markup {
    html! {
        tr {
            td { (mark(step.held())) }
            td.time { (took(step.seconds)) }
            td { (step.name) }
            td.soft { @if let Outcome::Held { detail } = &step.outcome { (detail) } }
        }
        @if let Outcome::Failed { expected, observed, history } = &step.outcome {
            tr {
                td {} td {}
                td colspan="2" {
                    @if let (Some(file), Some(line)) = (file, step.line) { code { (file) ":" (line) } }
                    pre {
                        "- expected + observed\n"
                        @for (sign, line) in diff(expected, observed) {
                            @match sign {
                                '-' => span.good { "- " (line) "\n" },
                                '+' => span.bad { "+ " (line) "\n" },
                                _ => { "  " (line) "\n" },
                            }
                        }
                    }
                    @if !history.is_empty() {
                        table {
                            @for sight in history {
                                tr { td.time { (format!("{:.2} s", sight.seconds)) } td { code { (sight.seen) } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn took(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.2} s") }
}
