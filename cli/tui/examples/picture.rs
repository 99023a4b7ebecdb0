//! Draws what a terminal shows as an SVG: reads what tmux has captured of a pane with its colours, and writes the picture.
//! `.github/assets/dashboard` runs it on a real shop. With `--light`, as a terminal with a light background shows it.

#![expect(clippy::print_stdout, reason = "the picture is its data")]

use std::io::Read;

use vt100::{Cell, Color, Parser};

/// Pixels of a cell.
const CELL: (f64, f64) = (8.4, 18.0);

/// A terminal's own colours.
struct Palette {
    paper: &'static str,
    ink: &'static str,
    /// The first 16.
    named: [&'static str; 16],
}

const DARK: Palette = Palette {
    paper: "#16181d",
    ink: "#d5d8de",
    named: [
        "#16181d", "#e5534b", "#57ab5a", "#c69026", "#539bf5", "#b083f0", "#39c5cf", "#909dab", "#636e7b", "#ff938a",
        "#6bc46d", "#daaa3f", "#6cb6ff", "#dcbdfb", "#56d4dd", "#cdd9e5",
    ],
};
const LIGHT: Palette = Palette {
    paper: "#ffffff",
    ink: "#24292f",
    named: [
        "#24292f", "#cf222e", "#116329", "#4d2d00", "#0969da", "#8250df", "#1b7c83", "#6e7781", "#57606a", "#a40e26",
        "#1a7f37", "#633c01", "#218bff", "#a475f9", "#3192aa", "#8c959f",
    ],
};

fn main() -> std::io::Result<()> {
    let palette = if std::env::args().any(|word| word == "--light") { LIGHT } else { DARK };
    let mut captured = Vec::new();
    std::io::stdin().read_to_end(&mut captured)?;
    let lines: Vec<&[u8]> = captured.strip_suffix(b"\n").unwrap_or(&captured).split(|byte| *byte == b'\n').collect();
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    // As wide as the widest line turns out to be.
    let mut terminal = Parser::new(rows, 500, 0);
    terminal.process(&lines.join(&b"\r\n"[..]));
    let screen = terminal.screen();
    let is_blank =
        |cell: &Cell| cell.contents().trim().is_empty() && cell.bgcolor() == Color::Default && !cell.inverse();
    let used = |column: u16| (0..rows).any(|row| screen.cell(row, column).is_some_and(|cell| !is_blank(cell)));
    let columns = (0..500).rev().find(|column| used(*column)).map_or(0, |column| column + 1);
    let size = (f64::from(columns) * CELL.0 + 24.0, f64::from(rows) * CELL.1 + 24.0);
    println!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {:.0} {:.0}" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14">"#,
        size.0, size.1
    );
    println!(r#"<rect width="100%" height="100%" rx="8" fill="{}"/>"#, palette.paper);
    for row in 0..rows {
        let cells: Vec<&Cell> = (0..columns).filter_map(|column| screen.cell(row, column)).collect();
        let mut begin = 0;
        // A run of cells of one style; what is no ASCII stands alone, so that no font moves what follows.
        for run in cells
            .chunk_by(|a, b| palette.style(a) == palette.style(b) && a.contents().is_ascii() && b.contents().is_ascii())
        {
            palette.draw(run, begin, row);
            begin += run.len();
        }
    }
    println!("</svg>");
    Ok(())
}

impl Palette {
    /// Ink, paper, bold, dim.
    fn style(&self, cell: &Cell) -> (String, Option<String>, bool, bool) {
        let (ink, paper) =
            (self.colour(cell.fgcolor()).unwrap_or_else(|| self.ink.to_owned()), self.colour(cell.bgcolor()));
        let (ink, paper) =
            if cell.inverse() { (paper.unwrap_or_else(|| self.paper.to_owned()), Some(ink)) } else { (ink, paper) };
        (ink, paper, cell.bold(), cell.dim())
    }

    fn draw(&self, run: &[&Cell], column: usize, row: u16) {
        let Some(first) = run.first() else { return };
        let (ink, paper, bold, dim) = self.style(first);
        #[expect(clippy::cast_precision_loss, reason = "a terminal has few columns")]
        let (x, length) = (12.0 + column as f64 * CELL.0, run.len() as f64 * CELL.0);
        let y = 12.0 + f64::from(row) * CELL.1;
        if let Some(paper) = paper {
            println!(r#"<rect x="{x:.1}" y="{y:.1}" width="{length:.1}" height="{}" fill="{paper}"/>"#, CELL.1);
        }
        let text: String = run.iter().map(|cell| if cell.has_contents() { cell.contents() } else { " " }).collect();
        if text.trim().is_empty() {
            return;
        }
        let weight = if bold { r#" font-weight="bold""# } else { "" };
        let opacity = if dim { r#" opacity="0.6""# } else { "" };
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        println!(
            r#"<text x="{x:.1}" y="{:.1}" textLength="{length:.1}" lengthAdjust="spacingAndGlyphs" xml:space="preserve" fill="{ink}"{weight}{opacity}>{text}</text>"#,
            y + 13.5
        );
    }

    fn colour(&self, colour: Color) -> Option<String> {
        match colour {
            Color::Default => None,
            Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
            Color::Idx(index) => Some(match self.named.get(usize::from(index)) {
                Some(named) => (*named).to_owned(),
                None => indexed(index),
            }),
        }
    }
}

/// The cube of six steps each, then greys.
fn indexed(index: u8) -> String {
    let step = |value: u8| if value == 0 { 0 } else { 55 + 40 * value };
    match index {
        232.. => {
            let grey = 8 + 10 * (index - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
        _ => {
            let index = index.saturating_sub(16);
            format!("#{:02x}{:02x}{:02x}", step(index / 36), step(index / 6 % 6), step(index % 6))
        }
    }
}
