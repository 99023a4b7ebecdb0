//! Colours and signs. State is never told by colour alone: each has a sign and a word, too.

use ratatui::style::{Color, Modifier, Style};

use crate::options::{Colours, Options};

/// What something means; the style follows from what the terminal can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    /// Of less interest.
    Quiet,
    Strong,
    Good,
    Busy,
    Warning,
    Bad,
    /// What can be pressed.
    Key,
    /// A search's matches, and the one that is at.
    Match,
    MatchHere,
    Selected,
    /// The selection where the keys do not go.
    SelectedElsewhere,
}

/// The names of resources and topics are told apart by these: of middle brightness, to be seen on light and on dark.
const SIXTEEN: [Color; 6] = [Color::Cyan, Color::Yellow, Color::Green, Color::Magenta, Color::Blue, Color::LightRed];
const MANY: [u8; 12] = [37, 136, 71, 133, 68, 167, 30, 172, 65, 97, 75, 131];
const TRUE: [(u8, u8, u8); 12] = [
    (42, 161, 152),
    (181, 137, 0),
    (90, 160, 70),
    (190, 90, 170),
    (60, 135, 205),
    (215, 95, 85),
    (30, 140, 140),
    (203, 110, 40),
    (110, 145, 70),
    (130, 110, 200),
    (70, 150, 220),
    (180, 90, 110),
];

#[derive(Debug, Clone, Copy)]
pub(crate) struct Theme {
    colours: Colours,
    pub(crate) ascii: bool,
}

impl Theme {
    pub(crate) fn new(options: &Options) -> Self {
        Self { colours: options.colours, ascii: options.ascii }
    }

    pub(crate) fn style(self, tone: Tone) -> Style {
        let style = Style::new();
        let dyed = |colour: Color| if self.colours == Colours::None { style } else { style.fg(colour) };
        match tone {
            Tone::Plain => style,
            Tone::Quiet => style.add_modifier(Modifier::DIM),
            Tone::Strong => style.add_modifier(Modifier::BOLD),
            Tone::Good => dyed(Color::Green),
            Tone::Busy => dyed(Color::Cyan),
            Tone::Warning => dyed(Color::Yellow),
            Tone::Bad => dyed(Color::Red).add_modifier(Modifier::BOLD),
            Tone::Key => dyed(Color::Cyan).add_modifier(Modifier::BOLD),
            Tone::Match if self.colours == Colours::None => style.add_modifier(Modifier::UNDERLINED),
            Tone::Match => style.fg(Color::Black).bg(Color::Yellow),
            Tone::MatchHere if self.colours == Colours::None => style.add_modifier(Modifier::REVERSED | Modifier::BOLD),
            Tone::MatchHere => style.fg(Color::Black).bg(Color::LightGreen),
            // Whole, whatever stands in it: a patchwork of reversed colours is hard to read.
            Tone::Selected => {
                style.fg(Color::Reset).bg(Color::Reset).add_modifier(Modifier::REVERSED).remove_modifier(Modifier::DIM)
            }
            Tone::SelectedElsewhere => style.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        }
    }

    /// One of the colours that tell names apart.
    pub(crate) fn hue(self, index: usize) -> Style {
        let style = Style::new();
        match self.colours {
            Colours::None => style,
            Colours::Sixteen => style.fg(SIXTEEN[index % SIXTEEN.len()]),
            Colours::Many => style.fg(Color::Indexed(MANY[index % MANY.len()])),
            Colours::True => {
                let (red, green, blue) = TRUE[index % TRUE.len()];
                style.fg(Color::Rgb(red, green, blue))
            }
        }
    }

    /// A style that somebody else chose, as far as this terminal shows it.
    pub(crate) fn allowed(self, style: Style) -> Style {
        let known = |colour: Option<Color>| match (self.colours, colour) {
            (Colours::None, _) | (Colours::Sixteen, Some(Color::Indexed(16..) | Color::Rgb(..))) => None,
            (Colours::Many, Some(Color::Rgb(red, green, blue))) => {
                // The cube of six steps each.
                let step = |value: u8| value / 51;
                Some(Color::Indexed(16 + 36 * step(red) + 6 * step(green) + step(blue)))
            }
            (_, colour) => colour,
        };
        Style { fg: known(style.fg), bg: known(style.bg), ..style }
    }

    pub(crate) fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { unicode }
    }

    /// The sign of a state, and how it is meant.
    pub(crate) fn state(self, state: &str) -> (&'static str, Tone) {
        match state {
            "ready" => (self.pick("●", "*"), Tone::Good),
            "completed" => (self.pick("✓", "+"), Tone::Good),
            "starting" => (self.pick("◐", "~"), Tone::Busy),
            "stopping" => (self.pick("◑", "~"), Tone::Busy),
            "unready" => (self.pick("◍", "?"), Tone::Warning),
            "backing-off" => (self.pick("↻", "!"), Tone::Warning),
            "failed" => (self.pick("✗", "X"), Tone::Bad),
            "stopped" => (self.pick("○", "o"), Tone::Quiet),
            _ => (self.pick("·", "."), Tone::Quiet),
        }
    }

    /// A small curve of numbers, one column each, the last ones at the right.
    pub(crate) fn spark(self, values: impl DoubleEndedIterator<Item = f64>, columns: usize) -> String {
        const UNICODE: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
        const ASCII: [&str; 9] = [" ", "_", "_", ".", ".", "-", "-", "=", "#"];
        let mut last: Vec<f64> = values.rev().take(columns).collect();
        last.reverse();
        let most = last.iter().copied().fold(0.0, f64::max);
        let signs = if self.ascii { &ASCII } else { &UNICODE };
        // By the logarithm: a flood must not flatten everything before it.
        let height = |value: f64| match value {
            value if value <= 0.0 || most <= 0.0 => 0,
            value => 1 + ((value.ln_1p() / most.ln_1p()) * 7.0) as usize,
        };
        let curve: String = last.iter().map(|&value| signs[height(value).min(8)]).collect();
        format!("{}{curve}", " ".repeat(columns.saturating_sub(last.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_ends_at_the_right_and_nothing_is_a_blank() {
        let options =
            Options { instance: String::new(), owner: crate::Owner::Up, colours: Colours::None, ascii: false };
        let theme = Theme::new(&options);
        assert_eq!(theme.spark([0.0, 1.0, 1000.0].into_iter(), 5), "   ▁█");
        assert_eq!(theme.spark([9.0; 4].into_iter(), 2), "██");
        assert_eq!(theme.spark(std::iter::empty(), 3), "   ");
    }
}
