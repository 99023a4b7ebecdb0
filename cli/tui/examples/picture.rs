//! Draws the dashboard as an SVG, from the cells that it draws into a terminal:
//! `cargo run -p shopctl-tui --example picture > .github/assets/dashboard.svg`

#![expect(clippy::print_stdout, reason = "the picture is its data")]

#[path = "../tests/dashboard/desk.rs"]
#[expect(dead_code, reason = "a picture needs no keys")]
mod desk;
#[path = "../tests/dashboard/sample.rs"]
#[expect(dead_code, reason = "a picture needs one shop")]
mod sample;

use ratatui::style::{Color, Modifier, Style};
use serde_json::json;
use shopctl_tui::{Colours, Msg, Owner, log::Answer, text::width};

use desk::{Desk, options};

const COLUMNS: u16 = 132;
const ROWS: u16 = 30;
/// Pixels of a cell.
const CELL: (f64, f64) = (8.4, 18.0);
const PAPER: &str = "#16181d";
const INK: &str = "#d5d8de";

fn main() {
    let mut desk = sample::up(Desk::with(options(Owner::Up, Colours::True, false), COLUMNS, ROWS));
    let why =
        json!([{"resource": "payment", "detail": "exited with 1 (1 in a row), starts again in 0.2 s", "lines": []}]);
    desk.feed(sample::changed(
        "payment",
        &[
            ("state", json!("backing-off")),
            ("ready", json!(false)),
            ("restarts", json!(1)),
            ("why", why),
            ("pid", json!(null)),
            ("uptime", json!(null)),
            ("took", json!(null)),
        ],
    ));
    desk.feed(Msg::Log(Answer::Errors(vec![("order".to_owned(), 3), ("payment".to_owned(), 12)])));
    let buffer = desk.draw();
    let (width_px, height_px) = (f64::from(COLUMNS) * CELL.0 + 24.0, f64::from(ROWS) * CELL.1 + 24.0);
    println!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width_px:.0} {height_px:.0}" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14">"#
    );
    println!(r#"<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>"#);
    for y in 0..ROWS {
        let mut x = 0;
        while x < COLUMNS {
            // A run of cells of one style; wide characters and signs stand alone, so that no font moves what follows.
            let style = buffer[(x, y)].style();
            let begin = x;
            let mut text = String::new();
            while x < COLUMNS && buffer[(x, y)].style() == style {
                let symbol = buffer[(x, y)].symbol();
                if !symbol.is_ascii() && !text.is_empty() {
                    break;
                }
                text.push_str(symbol);
                x += u16::try_from(width(symbol)).unwrap_or(1).max(1);
                if !symbol.is_ascii() {
                    break;
                }
            }
            run(&text, begin, x - begin, y, style);
        }
    }
    println!("</svg>");
}

fn run(text: &str, column: u16, columns: u16, row: u16, style: Style) {
    let reversed = style.add_modifier.contains(Modifier::REVERSED);
    let ink = colour(style.fg).unwrap_or_else(|| INK.to_owned());
    let paper = colour(style.bg);
    let (ink, paper) = if reversed { (PAPER.to_owned(), Some(ink)) } else { (ink, paper) };
    let (x, y) = (12.0 + f64::from(column) * CELL.0, 12.0 + f64::from(row) * CELL.1);
    let length = f64::from(columns) * CELL.0;
    if let Some(paper) = paper {
        println!(r#"<rect x="{x:.1}" y="{y:.1}" width="{length:.1}" height="{}" fill="{paper}"/>"#, CELL.1);
    }
    if text.trim().is_empty() {
        return;
    }
    let weight = if style.add_modifier.contains(Modifier::BOLD) { r#" font-weight="bold""# } else { "" };
    let dim = if style.add_modifier.contains(Modifier::DIM) { r#" opacity="0.6""# } else { "" };
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    println!(
        r#"<text x="{x:.1}" y="{:.1}" textLength="{length:.1}" lengthAdjust="spacingAndGlyphs" xml:space="preserve" fill="{ink}"{weight}{dim}>{text}</text>"#,
        y + 13.5
    );
}

fn colour(colour: Option<Color>) -> Option<String> {
    Some(match colour? {
        Color::Reset => return None,
        Color::Black => "#16181d".to_owned(),
        Color::Red | Color::Indexed(1) => "#e5534b".to_owned(),
        Color::Green | Color::Indexed(2) => "#57ab5a".to_owned(),
        Color::Yellow | Color::Indexed(3) => "#c69026".to_owned(),
        Color::Blue | Color::Indexed(4) => "#539bf5".to_owned(),
        Color::Magenta | Color::Indexed(5) => "#b083f0".to_owned(),
        Color::Cyan | Color::Indexed(6) => "#39c5cf".to_owned(),
        Color::LightGreen => "#6bc46d".to_owned(),
        Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
        _ => INK.to_owned(),
    })
}
