//! Text in columns. It is harmless by then: no control characters, no tricks of direction.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// The beginning that fits, with a sign where something is missing.
pub(super) fn cut(text: &str, columns: usize, ascii: bool) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(1) else { return String::new() };
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= room
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push(if ascii { '~' } else { '…' });
    cut
}

/// Exactly so many columns.
pub(super) fn left(text: &str, columns: usize, ascii: bool) -> String {
    let mut cell = cut(text, columns, ascii);
    cell.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(&cell))));
    cell
}

/// The same, with the text at the right end.
pub(super) fn right(text: &str, columns: usize, ascii: bool) -> String {
    let cell = cut(text, columns, ascii);
    let missing = columns.saturating_sub(width(&cell));
    format!("{}{cell}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_and_filled_by_columns() {
        assert_eq!((cut("plainly", 5, false), cut("日本語", 5, true)), ("plai…".to_owned(), "日本~".to_owned()));
        assert_eq!((left("ab", 4, false), right("ab", 4, false)), ("ab  ".to_owned(), "  ab".to_owned()));
        for columns in 0..8 {
            for text in ["", "日本語", "plainly", "e\u{301}e\u{301}"] {
                assert_eq!(width(&left(text, columns, false)), columns, "{text} {columns}");
                assert_eq!(width(&right(text, columns, true)), columns, "{text} {columns}");
            }
        }
    }
}
