//! A story on its way to stdout: laid out for the terminal and coloured, or JSON.

use std::io::{self, IsTerminal as _, Write as _};

use owo_colors::{OwoColorize as _, Style as Colour};
use shopctl_trace::{
    Story,
    text::{self, Line, Style, Tone},
};
use shopctl_tui::{is_utf8, terminal::Screen};

use crate::{args::Global, commands::ui::lookup};

/// Columns where nobody tells.
const COLUMNS: usize = 120;

pub(super) struct Output {
    json: bool,
    quiet: bool,
    style: Style,
}

/// How lines are laid out for whoever reads stdout.
pub(crate) fn style(global: &Global, ascii: bool) -> Style {
    let is_terminal = io::stdout().is_terminal();
    let told = lookup("COLUMNS").and_then(|columns| columns.parse().ok());
    let columns = if is_terminal { Screen::size().ok().map(|(columns, _)| usize::from(columns)) } else { None };
    Style {
        width: columns.or(told).unwrap_or(COLUMNS).max(40),
        cut: is_terminal && global.verbose == 0,
        ascii: ascii || (is_terminal && !is_utf8(lookup)),
        verbose: global.verbose > 0,
        clean: shopctl_tui::text::plain,
    }
}

/// With the colours of its pieces; whoever prints it drops them where there is no terminal.
pub(crate) fn paint(line: &Line) -> String {
    let piece = |(tone, text): &(Tone, String)| {
        let colour = match tone {
            Tone::Plain => return text.clone(),
            Tone::Strong => Colour::new().bold(),
            Tone::Quiet => Colour::new().dimmed(),
            Tone::Good => Colour::new().green(),
            Tone::Bad => Colour::new().red(),
            Tone::Warning => Colour::new().yellow(),
            Tone::Name => Colour::new().cyan(),
            Tone::Critical => Colour::new().bright_blue().bold(),
            Tone::Bar => Colour::new().blue(),
            Tone::Queue => Colour::new().yellow(),
        };
        text.style(colour).to_string()
    };
    let last = line.0.len();
    let pieces = line.0.iter().enumerate().map(|(at, (tone, text))| {
        let text = if at + 1 == last { text.trim_end().to_owned() } else { text.clone() };
        piece(&(*tone, text))
    });
    pieces.collect()
}

impl Output {
    pub(super) fn new(global: &Global, ascii: bool) -> Self {
        Self { json: global.json, quiet: global.quiet, style: style(global, ascii) }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// The whole of it.
    pub(super) fn print(&self, story: &Story) -> io::Result<()> {
        let mut out = anstream::stdout().lock();
        if self.json {
            return writeln!(out, "{}", serde_json::to_string_pretty(story)?);
        }
        self.lines(story).iter().try_for_each(|line| writeln!(out, "{}", paint(line)))
    }

    /// On one line, for programs that follow.
    pub(super) fn print_compact(&self, story: &Story) -> io::Result<()> {
        writeln!(anstream::stdout().lock(), "{}", serde_json::to_string(story)?)
    }

    /// In place of what was drawn before, as much as there is room for.
    pub(super) fn draw(&self, story: &Story) -> io::Result<()> {
        let rows = Screen::size().map_or(24, |(_, rows)| usize::from(rows)).saturating_sub(1);
        let mut out = anstream::stdout().lock();
        // Home, each line with an empty rest, then nothing below: unlike a cleared screen this does not flicker.
        write!(out, "\x1b[H")?;
        for line in self.lines(story).iter().take(rows) {
            write!(out, "{}\x1b[K\r\n", paint(line))?;
        }
        write!(out, "\x1b[J")?;
        out.flush()
    }

    /// Makes room for the whole.
    pub(super) fn clear(&self) -> io::Result<()> {
        write!(anstream::stdout().lock(), "\x1b[H\x1b[J")
    }

    /// What has changed since the last look, in one line each, where nothing can be drawn anew.
    pub(super) fn head(&self, story: &Story) -> Vec<String> {
        let waits = story.waits.iter().map(|wait| (self.style.clean)(&wait.sentence_without_times()));
        story.last_status().map(str::to_owned).into_iter().chain(waits).collect()
    }

    fn lines(&self, story: &Story) -> Vec<Line> {
        let mut lines = text::story(story, self.style);
        if self.quiet {
            // Only which order it is and what it waits for.
            let end = lines.iter().position(|line| line.0.is_empty()).unwrap_or(lines.len());
            lines.truncate(end);
        }
        lines
    }
}
