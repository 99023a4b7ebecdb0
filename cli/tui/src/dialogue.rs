//! What is in front of the view and has the keys: prompts, the palette, the help, the question at the end.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

#[derive(Debug, Clone)]
pub(crate) enum Dialogue {
    /// Stop the shop, or leave it running?
    Quit,
    Help {
        scroll: usize,
    },
    Prompt(Prompt, Input),
    Palette {
        input: Input,
        chosen: usize,
    },
}

/// What a line is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    Search,
    Only,
    Save,
    /// Which messages of Kafka.
    Messages,
    Seed,
    Story,
    Order,
}

impl Prompt {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Search => "/",
            Self::Only => "&",
            Self::Save => "save to: ",
            Self::Messages => "filter (topic: type: key: order: or text): ",
            Self::Seed => "seed (empty: another each time): ",
            Self::Story => "play (name, or path of a file): ",
            Self::Order => "order, or trace: ",
        }
    }
}

/// A line that is being typed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Input {
    pub(crate) text: String,
    /// Byte in the text that the next character comes before.
    pub(crate) cursor: usize,
}

impl Input {
    pub(crate) fn new(text: String) -> Self {
        Self { cursor: text.len(), text }
    }

    /// Whether the key was one for editing.
    pub(crate) fn edit(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if control => drop(self.text.drain(..std::mem::take(&mut self.cursor))),
            KeyCode::Char('w') if control => {
                let head = self.text[..self.cursor].trim_end();
                let start = head.rfind(' ').map_or(0, |blank| blank + 1);
                self.text.drain(start..self.cursor);
                self.cursor = start;
            }
            KeyCode::Char(c) if !control => self.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => {
                if let Some(before) = self.before() {
                    self.text.drain(before..self.cursor);
                    self.cursor = before;
                }
            }
            KeyCode::Delete if self.cursor < self.text.len() => drop(self.text.remove(self.cursor)),
            KeyCode::Left => self.cursor = self.before().unwrap_or(0),
            KeyCode::Right => {
                self.cursor += self.text[self.cursor..].chars().next().map_or(0, char::len_utf8);
            }
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            _ => return false,
        }
        true
    }

    /// Control characters are left out: nobody types them.
    pub(crate) fn insert(&mut self, text: &str) {
        let typed: String = text.chars().filter(|c| !c.is_control()).collect();
        self.text.insert_str(self.cursor, &typed);
        self.cursor += typed.len();
    }

    fn before(&self) -> Option<usize> {
        self.text[..self.cursor].char_indices().next_back().map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_at_its_cursor() {
        let mut input = Input::default();
        let mut press = |code, modifiers| {
            input.edit(KeyEvent::new(code, modifiers));
            input.text.clone()
        };
        for c in "größe an".chars() {
            press(KeyCode::Char(c), KeyModifiers::NONE);
        }
        assert_eq!(press(KeyCode::Char('w'), KeyModifiers::CONTROL), "größe ");
        press(KeyCode::Left, KeyModifiers::NONE);
        press(KeyCode::Left, KeyModifiers::NONE);
        assert_eq!(press(KeyCode::Backspace, KeyModifiers::NONE), "gröe ");
        assert_eq!(press(KeyCode::Delete, KeyModifiers::NONE), "grö ");
        assert_eq!(press(KeyCode::Char('u'), KeyModifiers::CONTROL), " ");
        input.insert("a\u{1b}\nb");
        assert_eq!(input.text, "ab ");
    }
}
