//! How things look in a terminal. Data go to stdout, all else to stderr.
//!
//! Both go through `anstream`, which drops colours where there is no terminal or `NO_COLOR` is set.

use std::io::Write as _;

use owo_colors::OwoColorize as _;

use crate::lines::harmless;

/// Writes a line of data to stdout. A reader that is gone (`| head`) is no error.
pub(crate) fn data(line: impl std::fmt::Display) {
    let _ = writeln!(anstream::stdout(), "{line}");
}

/// Writes a line for the user to stderr.
pub(crate) fn note(line: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Names the commands in backquotes as the user can type them: who came by `cargo run` has no `shopctl` to type.
pub(crate) fn typeable(text: &str) -> String {
    match std::env::var_os("CARGO_PKG_NAME") {
        Some(name) if name == env!("CARGO_PKG_NAME") => text.replace("`shopctl ", "`cargo run -- "),
        Some(_) | None => text.to_owned(),
    }
}

/// Writes an error, its causes and the hint.
pub(crate) fn error(error: &anyhow::Error, hint: Option<&str>) {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Many errors say their cause themselves.
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    // It may quote what somebody else has said.
    let message: Vec<_> = message.lines().map(harmless).collect();
    note(format_args!("{} {}", "error:".red().bold(), message.join("\n")));
    if let Some(hint) = hint {
        note(format_args!("{} {}", "hint:".cyan().bold(), typeable(hint)));
    }
}

/// Columns as wide as their widest cell.
pub(crate) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_owned)] }
    }

    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }
}

impl<const N: usize> std::fmt::Display for Table<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..N).map(width).collect();
        for (number, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            let end = if number + 1 < self.rows.len() { "\n" } else { "" };
            write!(f, "{}{end}", line.trim_end())?;
        }
        Ok(())
    }
}
