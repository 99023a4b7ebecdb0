//! How things look in a terminal. Data go to stdout, all else to stderr.
//!
//! Both go through `anstream`, which drops colours where there is no terminal or `NO_COLOR` is set.

use std::{
    io::Write as _,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use owo_colors::OwoColorize as _;

use crate::lines::harmless;

/// Writes a line of data to stdout. A reader that is gone (`| head`) is no error.
pub(crate) fn data(line: impl std::fmt::Display) {
    let _ = writeln!(anstream::stdout(), "{line}");
}

/// Writes a line for the user to stderr, or gives it to whoever has the terminal.
pub(crate) fn note(line: impl std::fmt::Display) {
    match &*diverted() {
        Some(take) => take(line.to_string()),
        None => drop(writeln!(anstream::stderr(), "{line}")),
    }
}

type Taker = Box<dyn Fn(String) + Send>;
static DIVERTED: Mutex<Option<Taker>> = Mutex::new(None);

fn diverted() -> MutexGuard<'static, Option<Taker>> {
    DIVERTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on lines for the user go to `take`, or to stderr again.
pub(crate) fn divert(take: Option<Taker>) {
    *diverted() = take;
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

/// A duration in its two largest units.
pub(crate) fn rough(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

/// Bytes in the unit that suits them.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes.div_ceil(1024)),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes.div_ceil(0x10_0000)),
        0x4000_0000.. => format!("{}.{} GiB", bytes >> 30, (bytes >> 20 & 1023) * 10 / 1024),
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
        f.write_str(&aligned(&self.rows))
    }
}

/// Rows of equally many cells as lines, their columns aligned.
pub(crate) fn aligned(rows: &[impl AsRef<[String]>]) -> String {
    let columns = rows.first().map_or(0, |row| row.as_ref().len());
    let width = |column: usize| rows.iter().map(|row| row.as_ref()[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &[String]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(|row| line(row.as_ref())).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_told_in_the_units_that_suit_them() {
        let told = [0, 61, 3_661, 90_000].map(|seconds| rough(Duration::from_secs(seconds)));
        assert_eq!(told, ["0 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
        assert_eq!([0, 1, 412 << 20, 3 << 29].map(size), ["0 KiB", "1 KiB", "412 MiB", "1.5 GiB"]);
    }
}
