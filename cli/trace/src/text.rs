//! A story as lines of a terminal. They fit the width that they are made for; each piece says what it means, and whoever
//! shows it has the colours.

mod cell;
mod graph;
mod story;
mod waterfall;

pub use graph::graph;
pub use story::story;
pub use waterfall::waterfall;

/// How lines are laid out.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Columns that bars are drawn for.
    pub width: usize,
    /// Cut what is longer than that: a file or a pipe has room for it.
    pub cut: bool,
    /// Only ASCII, as where the locale is not UTF-8.
    pub ascii: bool,
    /// Everything: equal spans one by one, every line of the logs.
    pub verbose: bool,
    /// Makes text of others harmless: what a terminal would obey is gone or written out, and it is one line.
    pub clean: fn(&str) -> String,
}

/// What a piece of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Strong,
    Quiet,
    Good,
    Bad,
    Warning,
    /// The name of a service or another resource.
    Name,
    /// A bar on the critical path, and one beside it.
    Critical,
    Bar,
    /// Time in a queue.
    Queue,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line(pub Vec<(Tone, String)>);

impl Line {
    fn of(pieces: impl IntoIterator<Item = (Tone, String)>) -> Self {
        Self(pieces.into_iter().filter(|(_, text)| !text.is_empty()).collect())
    }

    fn plain(text: impl Into<String>) -> Self {
        Self::of([(Tone::Plain, text.into())])
    }

    fn head(text: impl Into<String>) -> Self {
        Self::of([(Tone::Strong, text.into())])
    }

    /// Fits the width, if it has to.
    fn fit(mut self, style: Style) -> Self {
        let mut left = if style.cut { style.width } else { usize::MAX };
        for (_, text) in &mut self.0 {
            let needed = cell::width(text);
            if needed > left {
                *text = cell::cut(text, left, style.ascii);
            }
            left -= needed.min(left);
        }
        self.0.retain(|(_, text)| !text.is_empty());
        self
    }
}

/// Without colours, and nothing at its end.
impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text: String = self.0.iter().map(|(_, text)| text.as_str()).collect();
        f.write_str(text.trim_end())
    }
}

impl Style {
    /// One of two signs.
    fn pick(self, sign: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { sign }
    }
}
