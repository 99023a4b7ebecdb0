//! A sheet of cells on which lines that meet are joined.

use ratatui::{
    style::Style,
    text::{Line as Row, Span},
};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::text::width;

const NORTH: u8 = 1;
const EAST: u8 = 2;
const SOUTH: u8 = 4;
const WEST: u8 = 8;

#[derive(Debug, Clone, Default)]
struct Cell {
    /// The directions in which lines leave it.
    lines: u8,
    /// What stands here instead; empty behind a wide character.
    text: Option<String>,
    style: Style,
}

pub(super) struct Canvas {
    width: usize,
    cells: Vec<Cell>,
    ascii: bool,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize, ascii: bool) -> Self {
        Self { width, cells: vec![Cell::default(); width * height], ascii }
    }

    fn cell(&mut self, x: usize, y: usize) -> Option<&mut Cell> {
        if x < self.width { self.cells.get_mut(y * self.width + x) } else { None }
    }

    fn line(&mut self, x: usize, y: usize, lines: u8, style: Style) {
        if let Some(cell) = self.cell(x, y) {
            cell.lines |= lines;
            cell.style = style;
        }
    }

    /// The same, and its ends go on into what is beside them.
    pub(super) fn through(&mut self, y: usize, (a, b): (usize, usize), style: Style) {
        for x in a.min(b)..=a.max(b) {
            self.line(x, y, EAST | WEST, style);
        }
    }

    /// A line from one column to another, ends included.
    pub(super) fn across(&mut self, y: usize, (a, b): (usize, usize), style: Style) {
        let (from, to) = (a.min(b), a.max(b));
        for x in from..=to {
            let lines = if x > from { WEST } else { 0 } | if x < to { EAST } else { 0 };
            self.line(x, y, lines, style);
        }
    }

    /// A line from one row to another, ends included.
    pub(super) fn down(&mut self, x: usize, (a, b): (usize, usize), style: Style) {
        let (from, to) = (a.min(b), a.max(b));
        for y in from..=to {
            let lines = if y > from { NORTH } else { 0 } | if y < to { SOUTH } else { 0 };
            self.line(x, y, lines, style);
        }
    }

    /// A rectangle with nothing in it.
    pub(super) fn rectangle(&mut self, (x, y): (usize, usize), (width, height): (usize, usize), style: Style) {
        let (right, bottom) = (x + width - 1, y + height - 1);
        for row in y..=bottom {
            for column in x..=right {
                if let Some(cell) = self.cell(column, row) {
                    *cell = Cell::default();
                }
            }
        }
        self.across(y, (x, right), style);
        self.across(bottom, (x, right), style);
        self.down(x, (y, bottom), style);
        self.down(right, (y, bottom), style);
    }

    /// A text in place of what is there; what is beyond `columns` is left out.
    pub(super) fn text(&mut self, (x, y): (usize, usize), columns: usize, text: &str, style: Style) {
        let mut at = x;
        for grapheme in text.graphemes(true) {
            let taken = width(grapheme);
            if taken == 0 || at + taken > x + columns {
                return;
            }
            for column in at..at + taken {
                let text = if column == at { grapheme } else { "" };
                if let Some(cell) = self.cell(column, y) {
                    *cell = Cell { lines: 0, text: Some(text.to_owned()), style };
                }
            }
            at += taken;
        }
    }

    pub(super) fn rows(&self) -> Vec<Row<'static>> {
        let row = |cells: &[Cell]| {
            let mut spans: Vec<Span<'static>> = Vec::new();
            for cell in cells {
                let sign = match &cell.text {
                    Some(text) => text.as_str(),
                    None => sign(cell.lines, self.ascii),
                };
                match spans.last_mut().filter(|last| last.style == cell.style) {
                    Some(last) => last.content.to_mut().push_str(sign),
                    None => spans.push(Span::styled(sign.to_owned(), cell.style)),
                }
            }
            Row::from(spans)
        };
        self.cells.chunks(self.width.max(1)).map(row).collect()
    }
}

fn sign(lines: u8, ascii: bool) -> &'static str {
    const SIGNS: [&str; 16] = [" ", "╵", "╶", "╰", "╷", "│", "╭", "├", "╴", "╯", "─", "┴", "╮", "┤", "┬", "┼"];
    if !ascii {
        return SIGNS[usize::from(lines & 15)];
    }
    match lines & 15 {
        0 => " ",
        EAST | WEST | 10 => "-",
        NORTH | SOUTH | 5 => "|",
        _ => "+",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_meet_are_joined_and_wide_characters_keep_their_columns() {
        for (ascii, wanted) in [(false, "╭┬╮\n│語\n╰┴╯"), (true, "+++\n|語\n+++")] {
            let mut canvas = Canvas::new(3, 3, ascii);
            canvas.rectangle((0, 0), (3, 3), Style::new());
            canvas.down(1, (0, 2), Style::new());
            canvas.text((1, 1), 2, "語語", Style::new());
            let shown: Vec<String> = canvas.rows().iter().map(ToString::to_string).collect();
            assert_eq!(shown.join("\n"), wanted);
        }
    }
}
