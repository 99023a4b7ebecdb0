//! The whole story, one part below the other.

use super::{Line, Style, Tone, cell, waterfall};
use crate::{
    event::Event,
    moment::Stamp,
    money::amount,
    story::Story,
    tree::Trace,
    wait::{For, Wait},
};

/// So many traces are drawn whatever they are.
const FEW: usize = 2;
/// Of the others so many are named.
const MOST: usize = 6;
/// Lines of the logs that are shown, the last ones.
const LINES: usize = 30;

/// Everything on one screen, as far as it fits.
#[must_use]
pub fn story(story: &Story, style: Style) -> Vec<Line> {
    let mut lines = Vec::new();
    // Somebody may have asked for the order again and again.
    let is_drawn = |trace: &&Trace| style.verbose || story.traces.len() <= FEW || trace.has_effect();
    let (drawn, others): (Vec<&Trace>, Vec<&Trace>) = story.traces.iter().partition(is_drawn);
    for trace in drawn {
        lines.push(Line::default());
        lines.extend(waterfall::waterfall(trace, style));
    }
    lines.extend(asking(&others, style));
    let parts = [("events", events(story, style)), ("rows", rows(story, style)), ("log lines", logs(story, style))];
    for (name, part) in parts {
        if !part.is_empty() {
            lines.extend([Line::default(), Line::head(name)]);
            lines.extend(part);
        }
    }
    if !story.missing.is_empty() {
        lines.push(Line::default());
    }
    for missing in &story.missing {
        let text = format!("no {}: {}", (style.clean)(&missing.what), (style.clean)(&missing.why));
        lines.push(Line::of([(Tone::Warning, text)]));
    }
    let parts = lines.into_iter().map(|line| line.fit(style));
    head(story, style).into_iter().chain(parts).collect()
}

/// Traces in which somebody only asked, a line each.
fn asking(traces: &[&Trace], style: Style) -> Vec<Line> {
    if traces.is_empty() {
        return Vec::new();
    }
    let shown = traces.len().min(MOST);
    let mut lines = vec![Line::default()];
    lines.push(Line::of([(Tone::Quiet, "traces in which nothing was changed (-v draws them)".to_owned())]));
    lines.extend(traces[..shown].iter().map(|trace| {
        let head = waterfall::head(trace, style).0.into_iter().map(|(_, text)| (Tone::Quiet, text));
        Line::of(std::iter::once((Tone::Quiet, "  ".to_owned())).chain(head))
    }));
    if traces.len() > shown {
        lines.push(Line::of([(Tone::Quiet, format!("  and {} more", traces.len() - shown))]));
    }
    lines
}

/// Which order it is, how it came to be what it is, and what has to happen next. These lines are told whole, whatever the
/// width.
fn head(story: &Story, style: Style) -> Vec<Line> {
    let mut lines = Vec::new();
    match (story.order, &story.status) {
        (_, Some(order)) => {
            let tone = status_tone(&order.status);
            let count = if order.lines == 1 { "1 line".to_owned() } else { format!("{} lines", order.lines) };
            let rest = format!("  {}, {count}, account {}", amount(order.total_cents), order.account);
            let status = (style.clean)(&order.status);
            lines.push(Line::of([
                (Tone::Strong, format!("order {}  ", order.id)),
                (tone, status),
                (Tone::Plain, rest),
            ]));
        }
        (Some(id), None) => {
            let status = story.last_status().map(|status| (status_tone(status), (style.clean)(status)));
            let mut pieces = vec![(Tone::Strong, format!("order {id}  "))];
            pieces.extend(status);
            lines.push(Line::of(pieces));
        }
        (None, None) => lines.push(Line::of([(Tone::Quiet, "it names no order".to_owned())])),
    }
    lines.extend(course(story, style));
    lines.extend(waits(story, style));
    lines
}

/// `PENDING 2026-11-27T08:00:00.123Z ─> PAID +38.1 ms ─> recommended +45.0 ms`, over as many lines as that takes.
fn course(story: &Story, style: Style) -> Vec<Line> {
    let Some(begin) = story.milestones.created else { return Vec::new() };
    let arrow = style.pick(" ─> ", " -> ");
    let mut lines: Vec<Vec<(Tone, String)>> = Vec::new();
    let mut used = 0;
    let states = story.changes.iter().map(|change| {
        let status = (status_tone(&change.status), (style.clean)(&change.status));
        (status, format!(" +{}", change.at.since(begin)))
    });
    let recommended =
        story.milestones.recommended.map(|took| ((Tone::Plain, "recommended".to_owned()), format!(" +{took}")));
    for (at, (status, after)) in states.chain(recommended).enumerate() {
        let after = if at == 0 { format!(" {}", begin.full()) } else { after };
        let needed = cell::width(arrow) + cell::width(&status.1) + cell::width(&after);
        let pieces = [(Tone::Quiet, if at == 0 { "  " } else { arrow }.to_owned()), status, (Tone::Plain, after)];
        match lines.last_mut() {
            Some(line) if used + needed <= style.width => line.extend(pieces),
            Some(_) | None => {
                used = 0;
                lines.push(pieces.to_vec());
            }
        }
        used += needed;
    }
    lines.into_iter().map(Line::of).collect()
}

fn waits(story: &Story, style: Style) -> Vec<Line> {
    // Of a shop that is down only events tell how it stands, and nobody whether all have heard of it.
    if story.waits.is_empty() && story.is_over() && story.status.is_some() {
        let sign = style.pick("✓", "ok:");
        return vec![Line::of([(Tone::Good, format!("  {sign} ")), (Tone::Plain, "nothing is under way".to_owned())])];
    }
    story.waits.iter().flat_map(|wait| sentence(wait, story.now, style)).collect()
}

fn sentence(wait: &Wait, now: Stamp, style: Style) -> Vec<Line> {
    let (tone, sign) = match wait.r#for {
        For::Person => (Tone::Quiet, style.pick("·", "-")),
        For::Shop => (Tone::Warning, style.pick("▲", "!")),
        For::Hand => (Tone::Bad, style.pick("✗", "!!")),
    };
    let since = wait.lasting(now).map(|lasting| format!(" (for {lasting})")).unwrap_or_default();
    let text = (style.clean)(&wait.sentence(now));
    // Folded at blanks: it is what one came for, and must not be cut.
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in format!("{text}{since}").split(' ') {
        if !line.is_empty() && cell::width(&line) + 1 + cell::width(word) + 4 > style.width.max(20) {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    let first = |at: usize| if at == 0 { format!("  {sign} ") } else { "    ".to_owned() };
    lines.into_iter().enumerate().map(|(at, line)| Line::of([(tone, format!("{}{line}", first(at)))])).collect()
}

fn events(story: &Story, style: Style) -> Vec<Line> {
    let one = |event: &Event| {
        let time = event.time.map_or_else(|| "-".to_owned(), Stamp::clock);
        let kind = (style.clean)(event.r#type.as_deref().unwrap_or("(no type)"));
        let version = event.version.map(|version| format!(" v{version}")).unwrap_or_default();
        let mut pieces = vec![
            (Tone::Quiet, format!("  {time}  ")),
            (Tone::Name, (style.clean)(&event.topic)),
            (Tone::Quiet, format!(" {}:{}", event.partition, event.offset)),
            (if event.is_dead() { Tone::Bad } else { Tone::Strong }, format!("  {kind}{version}")),
        ];
        if let Some(group) = &event.refused_by {
            let why = event.refused_why.as_deref().unwrap_or("it does not say why");
            pieces.push((Tone::Bad, format!("  refused by {}: {}", (style.clean)(group), (style.clean)(why))));
        } else {
            for taken in story.database.taken.iter().filter(|taken| Some(&taken.event) == event.id.as_ref()) {
                let late = event.time.map(|time| format!(" +{}", taken.at.since(time))).unwrap_or_default();
                pieces.push((Tone::Quiet, format!("  {}{late}", taken.group)));
            }
        }
        Line::of(pieces)
    };
    story.events.iter().map(one).collect()
}

fn rows(story: &Story, style: Style) -> Vec<Line> {
    let widest = story.rows.iter().map(|row| cell::width(row.table)).max().unwrap_or_default();
    let one = |row: &crate::Row| {
        let time = row.at.map_or_else(|| format!("{:<12}", "-"), Stamp::clock);
        Line::of([
            (Tone::Quiet, format!("  {time}  ")),
            (Tone::Name, cell::left(row.table, widest, style.ascii)),
            (Tone::Plain, format!("  {}", (style.clean)(&row.what))),
        ])
    };
    story.rows.iter().map(one).collect()
}

fn logs(story: &Story, style: Style) -> Vec<Line> {
    let hidden = if style.verbose { 0 } else { story.lines.len().saturating_sub(LINES) };
    let shown = &story.lines[hidden..];
    let name = |line: &crate::LogLine| (style.clean)(&line.resource);
    let widest = shown.iter().map(|line| cell::width(&name(line))).max().unwrap_or_default();
    let note = (hidden > 0).then(|| {
        Line::of([(Tone::Quiet, format!("  {} {hidden} earlier ones: -v shows them", style.pick("…", "...")))])
    });
    let one = |line: &crate::LogLine| {
        Line::of([
            (Tone::Quiet, format!("  {}  ", line.at.clock())),
            (Tone::Name, cell::left(&name(line), widest, style.ascii)),
            (Tone::Plain, format!("  {}", brief(&(style.clean)(&line.text)))),
        ])
    };
    note.into_iter().chain(shown.iter().map(one)).collect()
}

/// A line without the time that it begins with and the id of its trace: both are told already.
fn brief(line: &str) -> String {
    const KEY: &str = " trace_id=";
    let line = match line.split_once(' ') {
        Some((time, rest)) if Stamp::parse(time).is_some() => rest.trim_start(),
        Some(_) | None => line,
    };
    match line.split_once(KEY) {
        Some((before, rest)) => {
            let id = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
            format!("{before}{}", &rest[id..])
        }
        None => line.to_owned(),
    }
}

fn status_tone(status: &str) -> Tone {
    match status {
        "PAID" => Tone::Good,
        "PAYMENT_FAILED" => Tone::Bad,
        "PENDING" => Tone::Warning,
        _ => Tone::Quiet,
    }
}
