//! Scripted checkouts: those that there are, and the steps of the one that is played as they tick, with what failed.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line as Row, Span},
};

use super::{layout, put};
use crate::{
    checkout::{Outcome, Step},
    model::Model,
    text::{cut, fit, fit_right, plain},
    theme::Tone,
};

/// Columns of the list beside the steps, where there is room for both.
const LIST: u16 = 30;
const BOTH: u16 = 80;
/// What was seen before something failed: the last ones tell most.
const SEEN: usize = 8;
const INDENT: &str = "              ";

/// The places of list and steps.
pub(crate) fn areas(model: &Model) -> (Option<Rect>, Option<Rect>) {
    let body = layout::body(model);
    if body.width >= BOTH {
        let list = Rect { width: LIST, ..body };
        return (Some(list), Some(Rect { x: list.right() + 1, width: body.width - LIST - 1, ..body }));
    }
    let is_list = model.checkout.shows_list || model.checkout.is_idle();
    if is_list { (Some(body), None) } else { (None, Some(body)) }
}

/// The first story of the list that is seen.
fn first(model: &Model, area: Rect) -> usize {
    let height = usize::from(area.height.saturating_sub(1)).max(1);
    (model.checkout.selected + 1).saturating_sub(height)
}

/// The place in the list that this row of the screen has.
pub(crate) fn entry(model: &Model, area: Rect, row: u16) -> Option<usize> {
    let index = first(model, area) + usize::from(row.checked_sub(area.y + 1)?);
    (index <= model.checkout.stories.len()).then_some(index)
}

pub(super) fn view(model: &Model, buffer: &mut Buffer) {
    let (list_area, steps_area) = areas(model);
    if let Some(area) = list_area {
        list(model, buffer, area);
    }
    let Some(area) = steps_area else { return };
    if area.x > 0 {
        for y in area.top()..area.bottom() {
            buffer.set_string(area.x - 1, y, model.theme.pick("│", "|"), model.theme.style(Tone::Quiet));
        }
    }
    let rows = steps(model);
    // The end is what matters, unless somebody went up.
    let last = rows.len().saturating_sub(usize::from(area.height));
    for (y, row) in (0..area.height).zip(rows.iter().skip(last.saturating_sub(model.scroll))) {
        put(buffer, area, y, row);
    }
}

fn list(model: &Model, buffer: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let checkout = &model.checkout;
    let seed = checkout.seed.map(|seed| format!(" seed {seed}")).unwrap_or_default();
    put(buffer, area, 0, &Row::styled(format!(" scenario{seed}"), theme.style(Tone::Quiet)));
    let happy = ("checkout", "the happy path: a shopper buys a real basket and pays");
    let stories = checkout.stories.iter().map(|story| (story.name.as_str(), story.about.as_str()));
    let all = std::iter::once(happy).chain(stories).enumerate().skip(first(model, area));
    let mut rows = 1;
    for (y, (index, (name, about))) in (1..area.height).zip(all) {
        // The description where there is room for it.
        let name_columns = if area.width > LIST { 26 } else { usize::from(area.width) - 2 };
        let about = if area.width > LIST { plain(about) } else { String::new() };
        put(
            buffer,
            area,
            y,
            &Row::from(vec![
                Span::raw(format!(" {} ", fit(&plain(name), name_columns, theme.ascii))),
                Span::styled(about, theme.style(Tone::Quiet)),
            ]),
        );
        if index == checkout.selected {
            let row = Rect { y: area.y + y, height: 1, ..area }.intersection(buffer.area);
            buffer.set_style(row, theme.style(Tone::Selected));
        }
        rows = y + 1;
    }
    if let Some(why) = &checkout.unlisted {
        put(buffer, area, rows, &Row::styled(format!(" {}", plain(why)), theme.style(Tone::Bad)));
    }
}

/// The steps of what is played, or what could be.
pub(super) fn steps(model: &Model) -> Vec<Row<'static>> {
    let theme = model.theme;
    let checkout = &model.checkout;
    let Some((story, seed)) = checkout.story.as_ref().filter(|_| !checkout.is_idle()) else {
        let about = match checkout.selected.checked_sub(1).and_then(|index| checkout.stories.get(index)) {
            Some(story) => plain(&story.about),
            None => "buys a real basket through the gateway, and proves that the order came out right".to_owned(),
        };
        let key = |key: &'static str, text: &'static str| {
            Row::from(vec![Span::styled(format!(" {key:<6}"), theme.style(Tone::Key)), Span::raw(text)])
        };
        return vec![
            Row::styled(format!(" {about}"), theme.style(Tone::Quiet)),
            Row::default(),
            key("Enter", "plays the checkout that is selected"),
            key("i", "draws the same data again, by their seed"),
            key("p", "plays a file of yours"),
        ];
    };
    let mut rows = vec![Row::from(vec![
        Span::styled(format!(" {}", plain(story)), theme.style(Tone::Strong)),
        Span::styled(format!("  seed {seed}"), theme.style(Tone::Quiet)),
    ])];
    rows.extend(checkout.steps.iter().flat_map(|step| ticked(model, step)));
    rows.push(Row::default());
    match &checkout.end {
        None => {
            rows.push(Row::styled(format!(" {} under way", theme.state("starting").0), theme.style(Tone::Busy)));
        }
        Some(Err(why)) => rows.push(Row::styled(format!(" {}", plain(why)), theme.style(Tone::Bad))),
        Some(Ok(report)) => {
            let order = report.order.map(|id| format!("; `o` shows the way of order {id}")).unwrap_or_default();
            let (text, tone) = if report.held {
                (format!(" all of it held ({:.2} s){order}", report.seconds), Tone::Good)
            } else {
                (format!(" it failed after {:.2} s{order}", report.seconds), Tone::Bad)
            };
            for moment in &report.moments {
                rows.push(Row::from(vec![
                    Span::styled(format!(" {:>8.3} s ", moment.seconds), theme.style(Tone::Quiet)),
                    Span::raw(format!("{:>6} ", moment.order)),
                    Span::styled(fit(&plain(&moment.source), 13, theme.ascii), theme.style(Tone::Key)),
                    Span::raw(format!(" {}", plain(&moment.what))),
                ]));
            }
            rows.push(Row::styled(text, theme.style(tone)));
            rows.push(Row::styled(format!(" the same again: {}", plain(&report.again)), theme.style(Tone::Quiet)));
        }
    }
    rows
}

fn ticked(model: &Model, step: &Step) -> Vec<Row<'static>> {
    let theme = model.theme;
    let took =
        if step.seconds < 1.0 { format!("{:.0} ms", step.seconds * 1000.0) } else { format!("{:.2} s", step.seconds) };
    let (state, detail) = match &step.outcome {
        Outcome::Held { detail } => ("completed", plain(detail)),
        Outcome::Failed { .. } => ("failed", String::new()),
    };
    let (sign, tone) = theme.state(state);
    let name_tone = if state == "failed" { Tone::Strong } else { Tone::Plain };
    let mut rows = vec![Row::from(vec![
        Span::styled(format!(" {sign} "), theme.style(tone)),
        Span::styled(fit_right(&took, 8, theme.ascii), theme.style(Tone::Quiet)),
        Span::raw("  "),
        Span::styled(
            fit(&plain(&step.name), if model.size.width < 110 { 22 } else { 34 }, theme.ascii),
            theme.style(name_tone),
        ),
        Span::raw(" "),
        Span::styled(detail, theme.style(Tone::Quiet)),
    ])];
    let Outcome::Failed { expected, observed, difference, seen, place } = &step.outcome else { return rows };
    if difference.is_empty() {
        rows.push(Row::raw(format!("{INDENT}expected {}", plain(expected))));
        rows.push(Row::from(vec![
            Span::raw(format!("{INDENT}observed ")),
            Span::styled(plain(observed), theme.style(Tone::Bad)),
        ]));
    } else {
        rows.push(Row::styled(format!("{INDENT}- expected, + observed"), theme.style(Tone::Quiet)));
        rows.extend(difference.iter().map(|(sign, line)| {
            let tone = match sign {
                '-' => Tone::Good,
                '+' => Tone::Bad,
                _ => Tone::Plain,
            };
            Row::styled(format!("{INDENT}{sign} {}", plain(line)), theme.style(tone))
        }));
    }
    for (seconds, sight) in &seen[seen.len().saturating_sub(SEEN)..] {
        let sight = cut(&plain(sight), 160, theme.ascii).into_owned();
        rows.push(Row::styled(format!("{INDENT}{seconds:>7.2} s {sight}"), theme.style(Tone::Quiet)));
    }
    rows.extend(place.as_ref().map(|place| Row::styled(format!("{INDENT}{}", plain(place)), theme.style(Tone::Key))));
    rows
}
