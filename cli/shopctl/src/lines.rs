//! Lines of resources for a terminal: a coloured name in front, nothing in them that the terminal would obey.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _};

use anstream::adapter::strip_str;
use owo_colors::{AnsiColors, OwoColorize as _};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

const COLOURS: [AnsiColors; 6] = [
    AnsiColors::Cyan,
    AnsiColors::Yellow,
    AnsiColors::Green,
    AnsiColors::Magenta,
    AnsiColors::Blue,
    AnsiColors::BrightRed,
];

/// Puts names in front of lines, all of one width.
#[derive(Debug, Clone)]
pub(crate) struct Painter {
    prefixes: BTreeMap<String, String>,
    style: Style,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) timestamps: bool,
    /// Also those in the lines themselves.
    pub(crate) colours: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { timestamps: false, colours: true }
    }
}

impl Painter {
    pub(crate) fn new<'a>(names: impl IntoIterator<Item = &'a str>, style: Style) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
        let prefix = |(name, colour): (&str, AnsiColors)| {
            let bar = format!("{name:<width$} |");
            let bar = if style.colours { bar.color(colour).to_string() } else { bar };
            (name.to_owned(), bar + " ")
        };
        Self { prefixes: names.into_iter().zip(COLOURS.into_iter().cycle()).map(prefix).collect(), style }
    }

    /// `stamp`: nanoseconds since 1970.
    pub(crate) fn paint(&self, resource: &str, stamp: u64, text: &str) -> String {
        let time = if self.style.timestamps { format!("{} ", clock(stamp)) } else { String::new() };
        let text = match harmless(text) {
            Cow::Owned(text) if !self.style.colours => Cow::Owned(strip_str(&text).to_string()),
            text => text,
        };
        match self.prefixes.get(resource) {
            Some(prefix) => [prefix, time.as_str(), &text].concat(),
            // It has written its first line only after the names were known.
            None => format!("{resource} | {time}{text}"),
        }
    }
}

/// Wall-clock time in UTC, in milliseconds.
pub(crate) fn clock(stamp: u64) -> String {
    const FORMAT: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    time(stamp).format(FORMAT).unwrap_or_default()
}

/// Wall-clock time in UTC, to the nanosecond: texts of these sort as their stamps do.
pub(crate) fn exact_clock(stamp: u64) -> String {
    const FORMAT: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:9]Z");
    time(stamp).format(FORMAT).unwrap_or_default()
}

fn time(stamp: u64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(stamp.into()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The text without anything that a terminal obeys, colours excepted; those end with the line.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    let mut coloured = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = colour_length(rest) {
            safe.push_str(&rest[..length]);
            coloured = true;
            rest = &rest[length..];
            continue;
        }
        match c {
            '\t' => safe.push('\t'),
            c if c.is_control() || is_trick(c) => {
                let _ = write!(safe, "{}", c.escape_default());
            }
            c => safe.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    if coloured {
        safe.push_str("\x1b[0m");
    }
    Cow::Owned(safe)
}

/// Whether it breaks a line, has no width, or turns the direction of text around: all of these hide what is there.
fn is_trick(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The length of the colour sequence (`ESC [ digits and ; m`) that `text` begins with.
fn colour_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].starts_with('m').then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_of_a_line_but_its_colours() {
        for (text, safe) in [
            ("plain\ttext", "plain\ttext"),
            ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m\x1b[0m"),
            ("\x1b[2J\x1b]0;title\x07", "\\u{1b}[2J\\u{1b}]0;title\\u{7}"),
            ("50%\r100%\r", "50%\\r100%"),
            ("nul\0 \u{9b}31m \u{202e}evil", "nul\\u{0} \\u{9b}31m \\u{202e}evil"),
            ("\x1b[", "\\u{1b}["),
            ("größe ✓", "größe ✓"),
            ("pay\u{200b}pal\u{feff}\u{2028}forged", "pay\\u{200b}pal\\u{feff}\\u{2028}forged"),
        ] {
            assert_eq!(harmless(text), safe, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_line_holds_only_its_colours_reach_the_terminal(text in any::<String>(), noise in "[\\[\\]0-9;mJHK\u{1b}\u{9b}\\\\\n\r\u{7}\u{202e}a]{0,40}") {
            for text in [text.as_str(), &noise] {
                let safe = harmless(text);
                let mut rest = safe.as_ref();
                while let Some(c) = rest.chars().next() {
                    let length = colour_length(rest).unwrap_or(c.len_utf8());
                    prop_assert!(length > c.len_utf8() || c == '\t' || !(c.is_control() || is_trick(c)), "{:?}", safe);
                    rest = &rest[length..];
                }
                if safe.contains('\u{1b}') {
                    prop_assert!(safe.ends_with("\u{1b}[0m"), "{:?}", safe);
                }
            }
        }
    }

    #[test]
    fn names_are_of_one_width_and_times_are_shown_on_demand() {
        const PLAIN: Style = Style { timestamps: false, colours: false };
        let painter = Painter::new(["a", "order"], PLAIN);
        assert_eq!(painter.paint("a", 0, "x"), "a     | x");
        assert_eq!(painter.paint("order", 0, "x"), "order | x");
        let painter = Painter::new(["a"], Style { timestamps: true, ..PLAIN });
        assert_eq!(painter.paint("a", 1_500_000_000, "\x1b[31mx"), "a | 1970-01-01T00:00:01.500Z x");
    }
}
