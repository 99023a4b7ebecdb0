//! What the user can want, with the keys for it: help, status line and palette are all made from this one table.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use shopctl_protocol::Action;

use crate::{
    log::{Direction, Level},
    model::Tab,
};

/// Something that the user wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    Show(Tab),
    Down,
    Up,
    PageDown,
    PageUp,
    Top,
    End,
    Focus,
    Enter,
    Back,
    Search,
    Match(Direction),
    Only,
    Level(Option<Level>),
    NextLevel,
    Follow,
    Wrap,
    Stamps,
    Error(Direction),
    Mark,
    Copy,
    Save,
    Zoom,
    /// Of the selected resource, or of this one.
    Act(Action, Option<String>),
    Select(Option<String>),
    /// The selected dead letter, or all of its topic.
    Redrive {
        all: bool,
    },
    Checkout,
    /// Another seed for the next checkout.
    Seed,
    /// A checkout by its name or file.
    Play,
    Story(String),
    /// The way of an order, or a trace.
    Order,
    /// The log lines of what the cursor is on.
    Lines,
    /// Its messages.
    Messages,
    Palette,
    Help,
    Quit,
    Interrupt,
    Suspend,
    Redraw,
}

/// One row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    pub(crate) intent: Intent,
    keys: &'static [Key],
    /// How the keys are written.
    pub(crate) label: &'static str,
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) place: Place,
}

/// Where a key means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Everywhere,
    /// Where a log is shown.
    Log,
    /// Where a resource can be selected.
    Resources,
    Kafka,
    Checkout,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Char(char),
    Ctrl(char),
    Code(KeyCode),
}

impl Key {
    fn is(self, event: KeyEvent) -> bool {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        match self {
            Self::Char(c) => event.code == KeyCode::Char(c) && !control && !alt,
            Self::Ctrl(c) => event.code == KeyCode::Char(c) && control,
            Self::Code(code) => event.code == code && !control,
        }
    }
}

const fn row(
    intent: Intent,
    keys: &'static [Key],
    label: &'static str,
    name: &'static str,
    help: &'static str,
    place: Place,
) -> Binding {
    Binding { intent, keys, label, name, help, place }
}

/// All that keys do. No key that tmux or flow control owns is among them.
#[rustfmt::skip]
pub(crate) const BINDINGS: &[Binding] = &{
    use Key::{Char, Code, Ctrl};
    use Place::{Checkout, Everywhere, Kafka, Log, Resources};
    [
        row(Intent::Down, &[Char('j'), Code(KeyCode::Down)], "j ↓", "down", "move down", Everywhere),
        row(Intent::Up, &[Char('k'), Code(KeyCode::Up)], "k ↑", "up", "move up; in a log this pauses", Everywhere),
        row(Intent::PageDown, &[Code(KeyCode::PageDown), Ctrl('d'), Char(' ')], "PgDn", "page down", "a page down", Everywhere),
        row(Intent::PageUp, &[Code(KeyCode::PageUp), Ctrl('u')], "PgUp", "page up", "a page up", Everywhere),
        row(Intent::Top, &[Char('g'), Code(KeyCode::Home)], "g Home", "top", "to the beginning", Everywhere),
        row(Intent::End, &[Char('G'), Code(KeyCode::End)], "G End", "end", "to the end; a log goes on from there", Everywhere),
        row(Intent::Focus, &[Code(KeyCode::Tab), Code(KeyCode::BackTab)], "Tab", "focus", "the other pane", Everywhere),
        row(Intent::Enter, &[Code(KeyCode::Enter)], "Enter", "open", "in: the resource's log, a line at length", Everywhere),
        row(Intent::Back, &[Code(KeyCode::Esc), Code(KeyCode::Backspace)], "Esc Bksp", "back", "out again, or back to where a jump began", Everywhere),
        row(Intent::Search, &[Char('/')], "/", "search", "search the log (regex); filter messages", Log),
        row(Intent::Match(Direction::Newer), &[Char('n')], "n", "next match", "the next match", Log),
        row(Intent::Match(Direction::Older), &[Char('N')], "N", "previous match", "the match before", Log),
        row(Intent::Only, &[Char('&')], "&", "only", "show only lines that match (regex)", Log),
        row(Intent::NextLevel, &[Char('l')], "l", "level", "show only this level or worse: all, error, warn, info, debug", Log),
        row(Intent::Error(Direction::Newer), &[Char('e')], "e", "next error", "the next error", Log),
        row(Intent::Error(Direction::Older), &[Char('E')], "E", "previous error", "the error before", Log),
        row(Intent::Follow, &[Char('f')], "f", "follow", "follow the log, or stand still", Log),
        row(Intent::Wrap, &[Char('w')], "w", "wrap", "wrap long lines", Log),
        row(Intent::Stamps, &[Char('t')], "t", "timestamps", "times: off, absolute, relative", Log),
        row(Intent::Mark, &[Char('v')], "v", "mark", "begin to mark lines here", Log),
        row(Intent::Copy, &[Char('y')], "y", "copy", "copy the line or the marked ones (OSC 52: also through ssh)", Log),
        row(Intent::Save, &[Char('S')], "S", "save", "save what passes the filters to a file", Log),
        row(Intent::Act(Action::Start, None), &[Char('s')], "s", "start selected", "start the resource", Resources),
        row(Intent::Act(Action::Stop, None), &[Char('x')], "x", "stop selected", "stop the resource", Resources),
        row(Intent::Act(Action::Restart, None), &[Char('r')], "r", "restart selected", "restart the resource", Resources),
        row(Intent::Zoom, &[Char('z')], "z", "zoom", "the pane alone, or both", Log),
        row(Intent::Redrive { all: false }, &[Char('d')], "d", "redrive", "publish this dead letter again", Kafka),
        row(Intent::Redrive { all: true }, &[Char('D')], "D", "redrive all", "publish all dead letters of this topic again", Kafka),
        row(Intent::Seed, &[Char('i')], "i", "seed", "the number that the data of a checkout are drawn by", Checkout),
        row(Intent::Play, &[Char('p')], "p", "play", "play a checkout by its name, or a file of yours", Checkout),
        row(Intent::Checkout, &[Char('c')], "c", "checkout", "play a checkout (the selected one) and show its steps", Everywhere),
        row(Intent::Order, &[Char('o')], "o", "order", "the order or trace: of the line, message, checkout; or by its id", Everywhere),
        row(Intent::Lines, &[Char('L')], "L", "order log", "the log lines of the same order or trace", Everywhere),
        row(Intent::Messages, &[Char('M')], "M", "order messages", "the messages of the same order or trace", Everywhere),
        row(Intent::Palette, &[Char(':')], ":", "palette", "every command by its name", Everywhere),
        row(Intent::Help, &[Char('?')], "?", "help", "these keys", Everywhere),
        row(Intent::Redraw, &[Ctrl('l')], "Ctrl-L", "redraw", "draw everything anew", Everywhere),
        row(Intent::Suspend, &[Ctrl('z')], "Ctrl-Z", "suspend", "back to the shell; `fg` returns; the shop goes on", Everywhere),
        row(Intent::Interrupt, &[Ctrl('c')], "Ctrl-C", "interrupt", "stop the shop in order, again kills; attached, only leave", Everywhere),
        row(Intent::Quit, &[Char('q')], "q", "quit", "leave", Everywhere),
    ]
};

/// What a key means.
pub(crate) fn of(key: KeyEvent) -> Option<Intent> {
    if let KeyCode::Char(digit) = key.code
        && key.modifiers.is_empty()
        && let Some(tab) = Tab::ALL.into_iter().find(|tab| tab.digit() == digit)
    {
        return Some(Intent::Show(tab));
    }
    let binding = BINDINGS.iter().find(|binding| binding.keys.iter().any(|wanted| wanted.is(key)))?;
    Some(binding.intent.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_and_none_belongs_to_tmux_or_flow_control() {
        let mut all: Vec<Key> = BINDINGS.iter().flat_map(|binding| binding.keys.iter().copied()).collect();
        for owned in ['b', 's', 'q', 'a', '\\'] {
            assert!(!all.contains(&Key::Ctrl(owned)), "Ctrl-{owned}");
        }
        let count = all.len();
        all.sort_by_key(|key| format!("{key:?}"));
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(BINDINGS.iter().all(|binding| !binding.name.is_empty() && !binding.help.is_empty()));
    }
}
