//! From what the terminal reports to messages.

use ratatui::crossterm::event::{Event, KeyEventKind, MouseEventKind};

use crate::msg::Msg;

/// What an event means; nothing for those that mean nothing.
#[must_use]
pub fn on_event(event: Event) -> Option<Msg> {
    match event {
        // Terminals that tell of releases, too, tell of each key twice.
        Event::Key(key) if key.kind != KeyEventKind::Release => Some(Msg::Key(key)),
        // A mouse that only moves would wake us all the time.
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::Down(_) | MouseEventKind::ScrollUp | MouseEventKind::ScrollDown => Some(Msg::Mouse(mouse)),
            MouseEventKind::Up(_)
            | MouseEventKind::Drag(_)
            | MouseEventKind::Moved
            | MouseEventKind::ScrollLeft
            | MouseEventKind::ScrollRight => None,
        },
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(columns, rows) => Some(Msg::Resized { columns, rows }),
        Event::Key(_) | Event::FocusGained | Event::FocusLost => None,
    }
}
