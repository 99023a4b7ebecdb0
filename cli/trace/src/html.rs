//! The story as one page that needs nothing but itself: no script, no network, nothing that a browser would load.

mod waterfall;

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use crate::{moment::Stamp, money::amount, story::Story, wait::For};

/// Nothing may be loaded or run, whatever somebody has written into a span.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "
:root { color-scheme: light dark; --good: #14713d; --bad: #b42318; --warn: #b25e09; --soft: #667085; --line: #d0d5dd55;
  --path: #0969da; --bar: #8c959f; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: .2rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .3rem; }
code, td.mono { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); } .soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; } td { padding: .1rem .6rem .1rem 0; vertical-align: top; }
tr { border-top: 1px solid var(--line); } td.time { white-space: nowrap; color: var(--soft); font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
svg .path { fill: var(--path); } svg .bar { fill: var(--bar); } svg .failed { fill: var(--bad); }
svg .queue { fill: none; stroke: var(--warn); stroke-dasharray: 3 2; } svg .grid { stroke: var(--line); }
svg .soft { fill: var(--soft); } svg .bad { fill: var(--bad); }
@media (prefers-color-scheme: dark) { :root { --good: #6ce9a6; --bad: #fda29b; --warn: #fec84b; --path: #54aeff; --bar: #6e7681; } }
";

/// A page to attach to a report of a bug.
#[must_use]
pub fn html(story: &Story) -> String {
    let title = match story.order {
        Some(order) => format!("order {order}"),
        None => "trace".to_owned(),
    };
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="referrer" content="no-referrer";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "shopctl trace: " (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(story, &title))
                @for trace in &story.traces { (waterfall::waterfall(trace)) }
                (events(story))
                @if !story.rows.is_empty() {
                    h2 { "rows" }
                    table { @for row in &story.rows { tr { (time(row.at)) td.soft { (row.table) } td { (row.what) } } } }
                }
                @if !story.lines.is_empty() {
                    h2 { "log lines" }
                    table { @for line in &story.lines {
                        tr { (time(Some(line.at))) td.soft { (line.resource) } td.mono { (line.text) } }
                    } }
                }
                @for missing in &story.missing { p.warn { "no " (missing.what) ": " (missing.why) } }
            }
        }
    };
    page.into_string()
}

fn head(story: &Story, title: &str) -> Markup {
    let status = story.last_status().unwrap_or_default();
    let class = match status {
        "PAID" => "good",
        "PAYMENT_FAILED" => "bad",
        _ => "soft",
    };
    markup! {
        h1 { (title) " " span class=(class) { (status) } }
        @if let Some(order) = &story.status {
            p.soft { (amount(order.total_cents)) ", " (order.lines) " lines, account " (order.account) ", version " (order.version) }
        }
        @if let Some(begin) = story.milestones.created {
            p {
                @for (at, change) in story.changes.iter().enumerate() {
                    @if at > 0 { " → " }
                    b { (change.status) } " "
                    @if at == 0 { (begin.full()) } @else { "+" (change.at.since(begin)) }
                }
                @if let Some(recommended) = story.milestones.recommended { " → " b { "recommended" } " +" (recommended) }
            }
        }
        @for wait in &story.waits {
            p class=(match wait.r#for { For::Person => "soft", For::Shop => "warn", For::Hand => "bad" }) {
                (wait.sentence(story.now))
                @if let Some(lasting) = wait.lasting(story.now) { " (for " (lasting) ")" }
            }
        }
        p.soft { "looked at " (story.now.full()) }
    }
}

fn events(story: &Story) -> Markup {
    markup! {
        @if !story.events.is_empty() {
            h2 { "events" }
            table {
                @for event in &story.events {
                    tr {
                        (time(event.time))
                        td.soft { (event.topic) " " (event.partition) ":" (event.offset) }
                        td {
                            b { (event.r#type.as_deref().unwrap_or("(no type)")) }
                            @if let Some(version) = event.version { " v" (version) }
                            @if let Some(group) = &event.refused_by {
                                " " span.bad { "refused by " (group) ": " (event.refused_why.as_deref().unwrap_or("?")) }
                            }
                            @for taken in story.database.taken.iter().filter(|taken| Some(&taken.event) == event.id.as_ref()) {
                                " " span.soft { (taken.group) @if let Some(time) = event.time { " +" (taken.at.since(time)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn time(at: Option<Stamp>) -> Markup {
    markup! { td.time { @if let Some(at) = at { (at.clock()) } } }
}
