//! A dashboard on a desk: a model, a terminal of cells, and a clock that goes when it is told to.

use std::{fmt::Write as _, time::Duration};

use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::Buffer,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    style::{Color, Style},
};
use shopctl_tui::{Colours, Command, Model, Msg, Options, Owner, msg::Now, update, view};

/// 2026-11-27T08:00:00Z in nanoseconds.
pub(crate) const WALL: u64 = 1_795_766_400_000_000_000;

pub(crate) struct Desk {
    pub(crate) model: Model,
    terminal: Terminal<TestBackend>,
    since: Duration,
    /// What was to be done since somebody looked.
    commands: Vec<Command>,
}

pub(crate) fn options(owner: Owner, colours: Colours, ascii: bool) -> Options {
    Options { instance: "default".to_owned(), owner, colours, ascii }
}

impl Desk {
    pub(crate) fn new(columns: u16, rows: u16) -> Self {
        Self::with(options(Owner::Up, Colours::Sixteen, false), columns, rows)
    }

    pub(crate) fn with(options: Options, columns: u16, rows: u16) -> Self {
        Self {
            model: Model::new(options, columns, rows),
            terminal: Terminal::new(TestBackend::new(columns, rows)).expect("a terminal of cells"),
            since: Duration::ZERO,
            commands: Vec::new(),
        }
    }

    pub(crate) fn feed(&mut self, msg: Msg) {
        let now = Now { since: self.since, wall: WALL + u64::try_from(self.since.as_nanos()).expect("a short time") };
        if let Msg::Resized { columns, rows } = msg {
            self.terminal.backend_mut().resize(columns, rows);
        }
        self.commands.extend(update(&mut self.model, now, msg));
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.since += Duration::from_secs(seconds);
        self.feed(Msg::Tick);
    }

    /// Presses keys: each a character, or a name in angle brackets.
    pub(crate) fn press(&mut self, keys: &str) {
        let mut rest = keys;
        while let Some(c) = rest.chars().next() {
            let named = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
            let (key, after) = match named {
                Some((name, after)) => (by_name(name), after),
                None => (KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE), &rest[c.len_utf8()..]),
            };
            self.feed(Msg::Key(key));
            rest = after;
        }
    }

    pub(crate) fn done(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    pub(crate) fn draw(&mut self) -> &Buffer {
        self.terminal.draw(|frame| view(&self.model, frame)).expect("it is drawn");
        self.terminal.backend().buffer()
    }

    /// The cells as text.
    pub(crate) fn text(&mut self) -> String {
        let buffer = self.draw();
        let rows = (0..buffer.area.height).map(|y| row(buffer, y));
        rows.collect::<Vec<_>>().join("\n")
    }

    /// The cells as text, then where they have which style.
    pub(crate) fn picture(&mut self) -> String {
        let mut picture = self.text();
        let buffer = self.draw().clone();
        picture.push_str("\n\n");
        for y in 0..buffer.area.height {
            let mut runs: Vec<(Style, u16, u16)> = Vec::new();
            for x in 0..buffer.area.width {
                let style = buffer[(x, y)].style();
                match runs.last_mut() {
                    Some((last, _, end)) if *last == style => *end = x,
                    Some(_) | None => runs.push((style, x, x)),
                }
            }
            let told: Vec<String> =
                runs.iter().filter_map(|(style, from, to)| Some(format!("{from}-{to} {}", name(*style)?))).collect();
            if !told.is_empty() {
                writeln!(picture, "{y}: {}", told.join(", ")).expect("a string takes all");
            }
        }
        picture
    }
}

fn row(buffer: &Buffer, y: u16) -> String {
    let mut text = String::new();
    let mut x = 0;
    while x < buffer.area.width {
        let symbol = buffer[(x, y)].symbol();
        text.push_str(symbol);
        x += u16::try_from(shopctl_tui::text::width(symbol)).expect("a cell").max(1);
    }
    text.trim_end().to_owned()
}

/// Nothing for a style like any other.
fn name(style: Style) -> Option<String> {
    let mut words = Vec::new();
    let colour = |colour: Option<Color>| colour.filter(|colour| *colour != Color::Reset);
    words.extend(colour(style.fg).map(|colour| format!("{colour:?}")));
    words.extend(colour(style.bg).map(|colour| format!("on {colour:?}")));
    words.extend((!style.add_modifier.is_empty()).then(|| format!("{:?}", style.add_modifier)));
    (!words.is_empty()).then(|| words.join(" "))
}

fn by_name(name: &str) -> KeyEvent {
    let (code, modifiers) = match name {
        "up" => (KeyCode::Up, KeyModifiers::NONE),
        "down" => (KeyCode::Down, KeyModifiers::NONE),
        "pgup" => (KeyCode::PageUp, KeyModifiers::NONE),
        "pgdn" => (KeyCode::PageDown, KeyModifiers::NONE),
        "tab" => (KeyCode::Tab, KeyModifiers::NONE),
        "enter" => (KeyCode::Enter, KeyModifiers::NONE),
        "esc" => (KeyCode::Esc, KeyModifiers::NONE),
        "backspace" => (KeyCode::Backspace, KeyModifiers::NONE),
        "C-c" => (KeyCode::Char('c'), KeyModifiers::CONTROL),
        "C-z" => (KeyCode::Char('z'), KeyModifiers::CONTROL),
        other => panic!("no key has the name {other}"),
    };
    KeyEvent::new(code, modifiers)
}
