//! The spans of one trace as SVG.

use maud::{Markup, html as markup};

use crate::{
    moment::{Stamp, Took},
    scale::Scale,
    tree::{Node, Trace},
};

const WIDTH: u64 = 1180;
/// Where bars begin.
const LEFT: u64 = 470;
const ROW: u64 = 20;
const TOP: u64 = 24;
/// Room behind the bars for what they took.
const RIGHT: u64 = 70;
const TICKS: u64 = 5;
/// Of an idle time that is shortened.
const GAP: u64 = 60;
/// Of a letter, so that names end before the bars begin.
const LETTER: u64 = 7;
/// Levels beyond this are no further in.
const DEEPEST: usize = 16;

pub(super) fn waterfall(trace: &Trace) -> Markup {
    let height = TOP + ROW * trace.spans.len() as u64 + 20;
    let scale = Scale::new(trace, WIDTH - LEFT - RIGHT, GAP);
    let gaps: Vec<(u64, u64, Took)> = scale.gaps().collect();
    let mut ticks: Vec<(u64, Took)> =
        scale.begins().map(|(at, moment)| (LEFT + at, moment.since(trace.began))).collect();
    if gaps.is_empty() {
        let tick = |tick| (LEFT + (WIDTH - LEFT - RIGHT) * tick / TICKS, Took(trace.took.0 / TICKS * tick));
        ticks.extend((1..TICKS).map(tick));
    }
    ticks.push((WIDTH - RIGHT, trace.took));
    markup! {
        h2 { "trace " code { (trace.id) } }
        p.soft { (trace.spans.len()) " spans, " (trace.took) " from " (trace.began.full()) }
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label="the spans of the trace by time" {
            @for (x, time) in ticks {
                line.grid x1=(x) x2=(x) y1=(TOP - 6) y2=(height) {}
                text.soft x=(x) y="12" text-anchor="middle" { (time) }
            }
            @for (from, to, took) in gaps {
                text.soft x=(LEFT + from + (to - from) / 2) y=(height - 6) text-anchor="middle" { "⋯ " (took) " ⋯" }
            }
            @for (at, node) in trace.spans.iter().enumerate() { (row(&scale, node, TOP + ROW * at as u64)) }
        }
        @let failed = trace.spans.iter().filter_map(|node| node.span.error.as_ref().map(|error| (node, error)));
        @for (node, error) in failed { p.bad { (node.span.service) " " (node.span.name) ": " (error) } }
    }
}

fn row(scale: &Scale, node: &Node, y: u64) -> Markup {
    let x = |moment: Stamp| LEFT + scale.place(moment);
    let (from, to) = (x(node.span.start), x(node.span.end));
    let width = (to - from).max(2);
    let class = match (&node.span.error, node.critical) {
        (Some(_), _) => "failed",
        (None, Some(_)) => "path",
        (None, None) => "bar",
    };
    let queue = node.queued.filter(|queued| queued.0 > 0);
    let indent = 100 + 12 * node.depth.min(DEEPEST) as u64;
    let attempt = node.span.retry().map(|(attempt, _)| format!(" (attempt {attempt})")).unwrap_or_default();
    let room = usize::try_from((LEFT - indent) / LETTER).unwrap_or(0).saturating_sub(attempt.len());
    let mut name: String = node.span.name.chars().take(room).collect();
    if name.len() < node.span.name.len() {
        name.push('…');
    }
    let service: String = node.span.service.chars().take(16).collect();
    markup! {
        g {
            title {
                (node.span.service) " " (node.span.name) ", " (node.took)
                @if let Some(queued) = queue { ", " (queued) " in the queue" }
                @if let Some((_, Some(reason))) = node.span.retry() { ", again because: " (reason) }
                @if let Some(error) = &node.span.error { ": " (error) }
                @for (key, value) in &node.span.attributes { "\n" (key) " = " (value) }
            }
            text.soft x="0" y=(y + 13) { (service) }
            text class=(if node.span.error.is_some() { "bad" } else { "name" }) x=(indent) y=(y + 13) { (name) (attempt) }
            @if let Some(queued) = queue {
                @let begin = x(Stamp(node.span.start.0.saturating_sub(queued.0)));
                rect.queue x=(begin) y=(y + 6) width=(from.saturating_sub(begin)) height="6" {}
            }
            rect class=(class) x=(from) y=(y + 4) width=(width) height="10" rx="2" {}
            text.soft x=(from + width + 4) y=(y + 13) { (node.took) }
        }
    }
}
