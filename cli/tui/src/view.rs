//! Drawing: the bar at the top, one view, the line at the bottom, and what is in front.

mod boot;
mod checkout;
mod flow;
mod front;
mod home;
mod kafka;
pub(crate) mod layout;
mod orders;
mod why;

use ratatui::{
    Frame,
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line as Row, Span},
};
use shopctl_protocol::{BootOutcome, Phase};

pub(crate) use self::{
    checkout::{areas as checkout_areas, entry as checkout_entry},
    home::list_entry,
    kafka::entry as kafka_entry,
    orders::entry as order_entry,
};
use crate::{
    dialogue::Dialogue,
    model::{Focus, Model, Tab},
    options::Owner,
    text::{cut, width},
    theme::Tone,
};

/// Draws the model.
pub fn view(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.is_empty() {
        return;
    }
    let buffer = frame.buffer_mut();
    let body = layout::body(model);
    bar(model, buffer);
    trouble(model, buffer);
    match model.tab {
        Tab::Home => home::view(model, buffer),
        Tab::Kafka => kafka::view(model, buffer),
        Tab::Orders if model.orders.opened.is_none() => orders::list(model, buffer, body),
        Tab::Flow => rows(model, buffer, body, &flow::rows(model)),
        Tab::Orders => rows(model, buffer, body, &orders::timeline(model)),
        Tab::Checkout => checkout::view(model, buffer),
        Tab::Why => rows(model, buffer, body, &why::rows(model)),
        Tab::Boot => rows(model, buffer, body, &boot::rows(model)),
    }
    let cursor = bottom(model, buffer);
    let cursor = front::view(model, buffer).or(cursor);
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Puts a row in its place, never beyond the area.
pub(crate) fn put(buffer: &mut Buffer, area: Rect, y: u16, row: &Row<'_>) {
    let area = area.intersection(buffer.area);
    if y < area.height && !area.is_empty() {
        buffer.set_line(area.x, area.y + y, row, area.width);
    }
}

/// A view that is a list of rows, scrolled.
fn rows(model: &Model, buffer: &mut Buffer, area: Rect, rows: &[Row<'static>]) {
    let skipped = model.scroll.min(rows.len().saturating_sub(usize::from(area.height)));
    for (y, row) in (0..area.height).zip(rows.iter().skip(skipped)) {
        put(buffer, area, y, row);
    }
}

/// How far the present view can be scrolled.
pub(crate) fn last_scroll(model: &Model) -> usize {
    let rows = match model.tab {
        Tab::Home | Tab::Kafka => 0,
        Tab::Flow => flow::rows(model).len(),
        Tab::Orders => orders::timeline(model).len(),
        Tab::Checkout => checkout::steps(model).len(),
        Tab::Why => why::rows(model).len(),
        Tab::Boot => boot::rows(model).len(),
    };
    rows.saturating_sub(usize::from(layout::body(model).height))
}

/// Rows of the help.
pub(crate) fn help_rows(model: &Model) -> usize {
    front::help(model).len()
}

/// Instance, how it is as a whole, and the views.
fn bar(model: &Model, buffer: &mut Buffer) {
    let area = Rect { height: 1, ..model.size };
    let theme = model.theme;
    let (sign, word, tone) = overall(model);
    let mut spans = vec![
        Span::styled(" shopctl ", theme.style(Tone::Strong)),
        Span::styled(cut(&model.options.instance, 16, theme.ascii).into_owned(), theme.style(Tone::Plain)),
        Span::raw(" "),
        Span::styled(format!("{sign} {word}"), theme.style(tone)),
    ];
    let tabs = layout::tabs(model);
    let room = usize::from(tabs.first().map_or(area.width, |(_, first)| first.x)).saturating_sub(1);
    let used: usize = spans.iter().map(|span| width(&span.content)).sum();
    if used > room {
        // How it is matters more than its name, and that more than ours.
        let name: usize = spans.drain(1..3).map(|span| width(&span.content)).sum();
        if used > room + name {
            spans[0] = Span::raw(" ");
        }
    }
    buffer.set_line(area.x, area.y, &Row::from(spans), u16::try_from(room).unwrap_or(area.width));
    for (tab, place) in tabs {
        let style = if tab == model.tab { theme.style(Tone::Selected) } else { Style::new() };
        let mark = if tab == Tab::Why && is_troubled(model) { theme.style(Tone::Bad) } else { theme.style(Tone::Key) };
        let digit = Span::styled(format!(" {}", tab.digit()), if tab == model.tab { style } else { mark });
        let name = if usize::from(place.width) > 3 { format!(" {} ", tab.name()) } else { " ".to_owned() };
        buffer.set_line(place.x, place.y, &Row::from(vec![digit, Span::styled(name, style)]), place.width);
    }
}

fn is_troubled(model: &Model) -> bool {
    model.shop.failure().is_some() || model.trouble().is_some()
}

/// What is broken, and why, in one line.
fn trouble(model: &Model, buffer: &mut Buffer) {
    let area = layout::trouble(model);
    let (Some(trouble), false) = (model.trouble(), area.is_empty()) else { return };
    let theme = model.theme;
    let (sign, tone) = theme.state(&trouble.resource.state);
    let is_meant = !trouble.resource.faults.is_empty();
    let (sign, tone) = if is_meant { (theme.pick("▲", "!"), Tone::Warning) } else { (sign, tone) };
    let more = if trouble.more > 0 { format!(" and {} more (6)", trouble.more) } else { " (6)".to_owned() };
    let name = crate::text::plain(&trouble.resource.name);
    let room = usize::from(area.width).saturating_sub(width(&name) + width(&more) + 6);
    let why = crate::text::plain(&trouble.why);
    let why = cut(&why, room, theme.ascii).into_owned();
    put(
        buffer,
        area,
        0,
        &Row::from(vec![
            Span::styled(format!(" {sign} "), theme.style(tone)),
            Span::styled(name, theme.style(Tone::Strong)),
            Span::styled(format!(": {why}"), theme.style(tone)),
            Span::styled(more, theme.style(Tone::Quiet)),
        ]),
    );
}

/// How the instance is: sign, words, tone.
fn overall(model: &Model) -> (&'static str, String, Tone) {
    let theme = model.theme;
    let resources = model.shop.resources();
    let ready = resources.iter().filter(|resource| resource.ready).count();
    let count = format!("{ready}/{}", resources.len());
    let sign = |state| theme.state(state);
    let (sign, word, tone) = match (model.shop.phase(), model.shop.failure()) {
        _ if model.lost => (sign("failed"), "supervisor gone".to_owned(), Tone::Bad),
        (None, _) => (sign("starting"), "begins".to_owned(), Tone::Busy),
        (Some(Phase::Stopping), Some(_)) => (sign("failed"), "boot failed, stopping".to_owned(), Tone::Bad),
        (Some(_), Some(BootOutcome::TimedOut { .. })) => (sign("failed"), "boot timed out".to_owned(), Tone::Bad),
        (Some(_), Some(_)) => (sign("failed"), "boot failed".to_owned(), Tone::Bad),
        (Some(Phase::Booting), None) => (sign("starting"), format!("boots {count}"), Tone::Busy),
        (Some(Phase::Up), None) if ready == resources.len() => (sign("ready"), format!("up {count}"), Tone::Good),
        (Some(Phase::Up), None) => (sign("unready"), format!("up {count}"), Tone::Warning),
        (Some(Phase::Stopping), None) => (sign("stopping"), format!("stopping {}", left(model)), Tone::Busy),
        (Some(Phase::Down), None) => (sign("stopped"), "down".to_owned(), Tone::Quiet),
    };
    (sign.0, word, tone)
}

/// How many resources still run.
fn left(model: &Model) -> usize {
    let runs = |state: &str| matches!(state, "ready" | "unready" | "starting" | "stopping" | "backing-off");
    model.shop.resources().iter().filter(|resource| runs(&resource.state)).count()
}

/// The last line: what was said in passing, what is typed, or the keys that matter here.
fn bottom(model: &Model, buffer: &mut Buffer) -> Option<(u16, u16)> {
    let theme = model.theme;
    let area = layout::bottom(model);
    if let Some(Dialogue::Prompt(prompt, input)) = &model.dialogue {
        let title = prompt.title();
        let before = width(title) + width(&input.text[..input.cursor]);
        let room = usize::from(area.width).saturating_sub(1);
        // The end of what is typed is what matters.
        let hidden = before.saturating_sub(room);
        let text: String = crate::text::plain(&input.text);
        let shown = skip(&text, hidden);
        let row = Row::from(vec![Span::styled(title, theme.style(Tone::Key)), Span::raw(shown)]);
        put(buffer, area, 0, &row);
        let x = area.x + u16::try_from(before.min(room)).unwrap_or(0);
        return Some((x.min(area.right().saturating_sub(1)), area.y));
    }
    if let Some(toast) = &model.toast {
        let text = cut(&toast.text, usize::from(area.width).saturating_sub(1), theme.ascii).into_owned();
        put(buffer, area, 0, &Row::styled(format!(" {text}"), theme.style(toast.tone)));
        return None;
    }
    let mut spans = Vec::new();
    let mut used = 1;
    for (key, name) in hints(model) {
        let more = width(key) + width(name) + 3;
        if used + more > usize::from(area.width) {
            break;
        }
        used += more;
        spans.push(Span::styled(format!(" {key}"), theme.style(Tone::Key)));
        spans.push(Span::raw(format!(" {name} ")));
    }
    put(buffer, area, 0, &Row::from(spans));
    None
}

/// A text without its first columns.
fn skip(text: &str, columns: usize) -> String {
    use unicode_segmentation::UnicodeSegmentation as _;
    let mut skipped = 0;
    let rest = text.graphemes(true).skip_while(|grapheme| {
        let more = skipped < columns;
        skipped += width(grapheme);
        more
    });
    rest.collect()
}

/// The keys that matter most where one is.
fn hints(model: &Model) -> Vec<(&'static str, &'static str)> {
    let leave = match (model.options.owner, model.shop.phase()) {
        (Owner::Attached, _) => ("q", "leave"),
        (Owner::Up, Some(Phase::Stopping)) => ("Ctrl-C", "kill"),
        (Owner::Up, Some(Phase::Down)) => ("q", "leave"),
        (Owner::Up, _) => ("q", "quit"),
    };
    let mut hints = vec![leave, ("?", "help"), (":", "commands")];
    hints.extend((!model.trail.is_empty()).then_some(("Esc", "back")));
    match (model.tab, model.focus) {
        (Tab::Home, Focus::List) => {
            hints.extend([
                ("s", "start"),
                ("x", "stop"),
                ("r", "restart"),
                ("Enter", "log"),
                ("/", "search"),
                ("f", "follow"),
                ("z", "zoom"),
            ]);
        }
        (Tab::Home, Focus::Log) => hints.extend([
            ("/", "search"),
            ("o", "its order"),
            ("&", "only"),
            ("l", "level"),
            ("e", "error"),
            ("f", "follow"),
            ("w", "wrap"),
            ("t", "times"),
            ("v", "mark"),
            ("y", "copy"),
            ("S", "save"),
            ("z", "zoom"),
        ]),
        (Tab::Kafka, _) => hints.extend([
            ("Enter", "its order"),
            ("L", "its log"),
            ("/", "filter"),
            ("d", "redrive"),
            ("D", "redrive all"),
            ("G", "latest"),
        ]),
        (Tab::Orders, _) if model.orders.opened.is_some() => {
            hints.extend(model.trail.is_empty().then_some(("Esc", "all orders")));
            hints.extend([("L", "its log"), ("M", "its messages"), ("j", "down"), ("k", "up")]);
        }
        (Tab::Orders, _) => hints.extend([("Enter", "timeline"), ("j", "down"), ("k", "up")]),
        (Tab::Checkout, _) => {
            hints.extend([("Enter", "play"), ("o", "its order"), ("i", "seed"), ("p", "a file"), ("PgUp", "up")]);
        }
        (Tab::Flow | Tab::Why | Tab::Boot, _) => hints.extend([("j", "down"), ("k", "up"), ("Esc", "home")]),
    }
    hints
}
