//! What is in front of a view: the question at the end, the keys, the palette.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line as Row, Span},
    widgets::{Clear, Widget as _},
};
use shopctl_protocol::Phase;

use super::put;
use crate::{
    action::{BINDINGS, Place},
    dialogue::Dialogue,
    model::{Model, Tab},
    palette,
    text::{cut, fit, plain, width},
    theme::Tone,
};

/// Draws the dialogue; answers where the cursor of a line that is typed is.
pub(super) fn view(model: &Model, buffer: &mut Buffer) -> Option<(u16, u16)> {
    match model.dialogue.as_ref()? {
        Dialogue::Quit => {
            let rows = quit(model);
            let area = middle(model, 52, rows.len());
            boxed(model, buffer, area, "leave", &rows);
            None
        }
        Dialogue::Help { scroll } => {
            let rows = help(model);
            let area = middle(model, 84, rows.len());
            let rows: Vec<Row<'_>> = rows.into_iter().skip(*scroll).collect();
            boxed(model, buffer, area, "keys", &rows);
            None
        }
        Dialogue::Palette { input, chosen } => {
            let fitting = palette::fitting(model, &input.text);
            let area = middle(model, 64, fitting.len().clamp(1, 12) + 1);
            let room = usize::from(area.height).saturating_sub(3);
            let skipped = (chosen + 1).saturating_sub(room);
            let columns = usize::from(area.width).saturating_sub(2);
            let mut rows =
                vec![Row::from(vec![Span::styled(":", model.theme.style(Tone::Key)), Span::raw(plain(&input.text))])];
            for (index, entry) in fitting.iter().enumerate().skip(skipped).take(room) {
                let name = fit(&entry.name, 24.min(columns), model.theme.ascii);
                let help_room = columns.saturating_sub(24 + 8);
                let help = fit(&cut(&entry.help, help_room, model.theme.ascii), help_room, model.theme.ascii);
                let style =
                    if index == *chosen { model.theme.style(Tone::Selected) } else { model.theme.style(Tone::Plain) };
                rows.push(Row::styled(format!("{name} {help} {}", entry.key), style));
            }
            boxed(model, buffer, area, "commands", &rows);
            let x = area.x + 2 + u16::try_from(width(&input.text[..input.cursor])).unwrap_or(0);
            Some((x.min(area.right().saturating_sub(2)), area.y + area.height.min(1)))
        }
        // In the last line.
        Dialogue::Prompt(..) => None,
    }
}

fn quit(model: &Model) -> Vec<Row<'static>> {
    let key = |key: &'static str, text: &'static str| {
        Row::from(vec![Span::styled(format!("  {key:<6}"), model.theme.style(Tone::Key)), Span::raw(text)])
    };
    let running =
        if model.shop.phase() == Some(Phase::Booting) { "leave it: the boot goes on" } else { "leave it running" };
    vec![
        Row::default(),
        key("s", "stop the shop (the data stay)"),
        key("l", running),
        key("Esc", "stay here"),
        Row::default(),
        Row::styled("  `shopctl ui` comes back, `shopctl down` stops", model.theme.style(Tone::Quiet)),
    ]
}

/// The keys of the present view, and those that mean the same everywhere.
pub(super) fn help(model: &Model) -> Vec<Row<'static>> {
    let key = |label: &str, text: &str| {
        Row::from(vec![
            Span::styled(format!("  {} ", fit(label, 8, model.theme.ascii)), model.theme.style(Tone::Key)),
            Span::raw(text.to_owned()),
        ])
    };
    let head = |text: &str| Row::styled(format!(" {text}"), model.theme.style(Tone::Strong));
    let mut rows = Vec::new();
    for (place, title) in [
        (Place::Log, "the log"),
        (Place::Resources, "resources"),
        (Place::Kafka, "messages"),
        (Place::Checkout, "checkouts"),
        (Place::Everywhere, "everywhere"),
    ] {
        let is_here = match place {
            Place::Everywhere => true,
            Place::Log | Place::Resources => model.tab == Tab::Home,
            Place::Kafka => model.tab == Tab::Kafka,
            Place::Checkout => model.tab == Tab::Checkout,
        };
        if !is_here {
            continue;
        }
        rows.push(head(title));
        for binding in BINDINGS.iter().filter(|binding| binding.place == place) {
            let label = if model.theme.ascii { ascii(binding.label) } else { binding.label.to_owned() };
            rows.push(key(&label, binding.help));
        }
        if place == Place::Everywhere {
            let views = Tab::ALL.map(|tab| format!("{} {}", tab.digit(), tab.name())).join(", ");
            rows.push(key("digits", &format!("views: {views}")));
            rows.push(key("mouse", "a click selects, the wheel scrolls, shift-drag is the terminal's"));
        }
        rows.push(Row::default());
    }
    rows
}

/// The name of a key in ASCII: arrows have none.
fn ascii(label: &str) -> String {
    label.split(' ').filter(|word| word.is_ascii()).collect::<Vec<_>>().join(" ")
}

/// A place for so many rows and columns inside a border, in the middle.
fn middle(model: &Model, columns: u16, rows: usize) -> Rect {
    let size = model.size;
    let width = (columns + 2).min(size.width);
    let height = u16::try_from(rows + 2).unwrap_or(u16::MAX).min(size.height);
    Rect { x: size.x + (size.width - width) / 2, y: size.y + (size.height - height) / 2, width, height }
}

fn boxed(model: &Model, buffer: &mut Buffer, area: Rect, title: &str, rows: &[Row<'_>]) {
    let theme = model.theme;
    let area = area.intersection(buffer.area);
    if area.width < 2 || area.height < 2 {
        return;
    }
    Clear.render(area, buffer);
    let [corners, line, bar] = if theme.ascii { ["++++", "-", "|"] } else { ["╭╮╰╯", "─", "│"] };
    let corners: Vec<String> = corners.chars().map(String::from).collect();
    let style = theme.style(Tone::Quiet);
    let inner = usize::from(area.width) - 2;
    buffer.set_string(area.x, area.y, format!("{}{}{}", corners[0], line.repeat(inner), corners[1]), style);
    buffer.set_string(area.x, area.bottom() - 1, format!("{}{}{}", corners[2], line.repeat(inner), corners[3]), style);
    for y in area.y + 1..area.bottom() - 1 {
        buffer.set_string(area.x, y, bar, style);
        buffer.set_string(area.right() - 1, y, bar, style);
    }
    let title = cut(title, inner.saturating_sub(2), theme.ascii).into_owned();
    if inner > 2 {
        buffer.set_string(area.x + 1, area.y, format!(" {title} "), theme.style(Tone::Strong));
    }
    let inside = Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 };
    for (y, row) in (0..inside.height).zip(rows) {
        put(buffer, inside, y, row);
    }
}
