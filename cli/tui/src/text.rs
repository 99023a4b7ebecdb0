//! Text for a grid of cells: nothing in it that a terminal obeys, cut and filled by width, its own colours kept.

use std::borrow::Cow;

use ratatui::style::{Color, Modifier, Style};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// Cells that a tab advances to a multiple of.
const TAB: usize = 8;

/// With a comma between thousands.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Columns that a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// The beginning of a text that fits, with a sign where something is missing.
#[must_use]
pub fn cut(text: &str, columns: usize, ascii: bool) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let sign = if ascii { "~" } else { "…" };
    let (mut taken, mut used) = (0, 0);
    for grapheme in text.graphemes(true) {
        let more = width(grapheme);
        if used + more + 1 > columns {
            break;
        }
        taken += grapheme.len();
        used += more;
    }
    Cow::Owned(if columns == 0 { String::new() } else { format!("{}{sign}", &text[..taken]) })
}

/// Cut and filled to exactly so many columns.
#[must_use]
pub fn fit(text: &str, columns: usize, ascii: bool) -> String {
    let cut = cut(text, columns, ascii);
    let missing = columns.saturating_sub(width(&cut));
    format!("{cut}{}", " ".repeat(missing))
}

/// The same, at the right end.
#[must_use]
pub fn fit_right(text: &str, columns: usize, ascii: bool) -> String {
    let cut = cut(text, columns, ascii);
    let missing = columns.saturating_sub(width(&cut));
    format!("{}{cut}", " ".repeat(missing))
}

/// The text without anything that a terminal would obey, colours included.
#[must_use]
pub fn plain(text: &str) -> String {
    pieces(text).into_iter().map(|(_, text)| text).collect()
}

/// Pieces of a line with the style that its own colour sequences give them. All else that is no plain character is
/// written out, tabs are filled with blanks.
#[must_use]
pub fn pieces(text: &str) -> Vec<(Style, String)> {
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return vec![(Style::new(), text.to_owned())];
    }
    let mut pieces = Vec::new();
    let (mut style, mut piece, mut column) = (Style::new(), String::new(), 0);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((length, parameters)) = colour(rest) {
            let next = dyed(style, parameters);
            if next != style && !piece.is_empty() {
                pieces.push((style, std::mem::take(&mut piece)));
            }
            style = next;
            rest = &rest[length..];
            continue;
        }
        let grapheme = rest.graphemes(true).next().unwrap_or_default();
        if c == '\t' {
            let blanks = TAB - column % TAB;
            piece.extend(std::iter::repeat_n(' ', blanks));
            column += blanks;
        } else if grapheme.chars().any(|c| c.is_control() || is_trick(c)) {
            let shown: String = c.escape_default().collect();
            column += shown.len();
            piece.push_str(&shown);
            rest = &rest[c.len_utf8()..];
            continue;
        } else {
            column += width(grapheme);
            piece.push_str(grapheme);
        }
        rest = &rest[grapheme.len()..];
    }
    if !piece.is_empty() || pieces.is_empty() {
        pieces.push((style, piece));
    }
    pieces
}

/// Whether it breaks a line, has no width, or turns the direction of text around: all of these hide what is there. What
/// joins emoji is let through only within one, see [`pieces`]: alone it would be a grapheme of its own.
fn is_trick(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The colour sequence (`ESC [ digits and ; m`) that a text begins with: its length and parameters.
fn colour(text: &str) -> Option<(usize, &str)> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].starts_with('m').then(|| (2 + end + 1, &parameters[..end]))
}

fn dyed(mut style: Style, parameters: &str) -> Style {
    let mut numbers = parameters.split(';').map(|number| number.parse::<u16>().unwrap_or(0));
    while let Some(number) = numbers.next() {
        style = match number {
            0 => Style::new(),
            1 => style.add_modifier(Modifier::BOLD),
            2 => style.add_modifier(Modifier::DIM),
            3 => style.add_modifier(Modifier::ITALIC),
            4 => style.add_modifier(Modifier::UNDERLINED),
            7 => style.add_modifier(Modifier::REVERSED),
            22 => Style { add_modifier: style.add_modifier - Modifier::BOLD - Modifier::DIM, ..style },
            23 => Style { add_modifier: style.add_modifier - Modifier::ITALIC, ..style },
            24 => Style { add_modifier: style.add_modifier - Modifier::UNDERLINED, ..style },
            27 => Style { add_modifier: style.add_modifier - Modifier::REVERSED, ..style },
            30..=37 | 90..=97 => style.fg(named(number)),
            40..=47 | 100..=107 => style.bg(named(number - 10)),
            38 | 48 => match extended(&mut numbers) {
                Some(colour) if number == 38 => style.fg(colour),
                Some(colour) => style.bg(colour),
                None => style,
            },
            39 => Style { fg: None, ..style },
            49 => Style { bg: None, ..style },
            _ => style,
        };
    }
    style
}

fn named(number: u16) -> Color {
    let index = if number >= 90 { number - 90 + 8 } else { number - 30 };
    Color::Indexed(u8::try_from(index).unwrap_or_default())
}

fn extended(numbers: &mut impl Iterator<Item = u16>) -> Option<Color> {
    let mut byte = |_| numbers.next().and_then(|number| u8::try_from(number).ok());
    match byte(())? {
        5 => byte(()).map(Color::Indexed),
        2 => Some(Color::Rgb(byte(())?, byte(())?, byte(())?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_cut_by_columns_and_never_inside_a_character() {
        for (text, columns, shown) in [
            ("plain", 5, "plain"),
            ("plainly", 5, "plai…"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("👨‍👩‍👧 family", 4, "👨‍👩‍👧 …"),
            ("x", 0, ""),
        ] {
            assert_eq!(cut(text, columns, false), shown, "{text} {columns}");
            assert!(width(&cut(text, columns, true)) <= columns);
            assert_eq!(width(&fit(text, columns, false)), columns);
            assert_eq!(width(&fit_right(text, columns, false)), columns);
        }
    }

    #[test]
    fn a_lines_own_colours_are_kept_and_nothing_else_is_obeyed() {
        let red = Style::new().fg(Color::Indexed(1));
        assert_eq!(
            pieces("a\x1b[31mb\x1b[0mc"),
            [(Style::new(), "a".into()), (red, "b".into()), (Style::new(), "c".into())]
        );
        assert_eq!(plain("\x1b[2J\x1b]0;title\x07"), "\\u{1b}[2J\\u{1b}]0;title\\u{7}");
        assert_eq!(plain("50%\r100%\r"), "50%\\r100%");
        assert_eq!(plain("a\tb"), "a       b");
        assert_eq!(plain("pay\u{200b}pal \u{202e}evil"), "pay\\u{200b}pal \\u{202e}evil");
        assert_eq!(plain("größe 👨‍👩‍👧 ✓"), "größe 👨‍👩‍👧 ✓");
        let indexed = pieces("\x1b[1;38;5;208mx\x1b[48;2;1;2;3my");
        assert_eq!(indexed[0].0, Style::new().fg(Color::Indexed(208)).add_modifier(Modifier::BOLD));
        assert_eq!(indexed[1].0.bg, Some(Color::Rgb(1, 2, 3)));
    }

    proptest! {
        #[test]
        fn whatever_a_line_holds_no_control_character_is_left(
            text in any::<String>(), noise in "[\\[\\]0-9;mJHK\u{1b}\u{9b}\\\\\n\r\u{7}\u{202e}\u{200d}a👧]{0,40}",
        ) {
            for text in [text.as_str(), &noise] {
                let shown = plain(text);
                prop_assert!(!shown.chars().any(|c| c.is_control() || is_trick(c)), "{:?}", shown);
            }
        }
    }
}
