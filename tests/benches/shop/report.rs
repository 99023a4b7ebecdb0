#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::{fs, path::Path};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{
    figure::{Figure, Measured, Verdict},
    machine::Machine,
    row::Row,
};

/// The table, printed row by row as it comes about.
pub(crate) struct Report {
    machine: Machine,
    rows: Vec<Value>,
}

impl Report {
    pub(crate) fn begin(machine: Machine) -> Self {
        Self { machine, rows: Vec::new() }
    }

    pub(crate) fn names(&self, rows: &[Row]) -> anyhow::Result<()> {
        rows.iter().for_each(|row| println!("{}", row.name()));
        Ok(())
    }

    pub(crate) fn add(&mut self, row: Row, measured: &Measured) -> anyhow::Result<()> {
        if self.rows.is_empty() {
            println!("{}\n", self.machine.line());
            line("what", "measured", "bar", "aim", "");
        }
        for figure in &measured.figures {
            let Figure { what, unit, promise, .. } = figure;
            let show = |value: f64| format!("{} {}", digits(value), unit.symbol());
            let verdict = match figure.verdict() {
                Verdict::Aim => "aim met",
                Verdict::Bar => "bar met",
                Verdict::Missed => "MISSED",
            };
            line(what, &show(figure.value), &show(promise.bar), &show(promise.aim), verdict);
            self.rows.push(json!({
                "row": row.name(), "what": what, "value": figure.value, "unit": unit.symbol(),
                "bar": promise.bar, "aim": promise.aim, "verdict": verdict,
            }));
        }
        if !measured.cpu.is_empty() {
            let total: f64 = measured.cpu.values().sum();
            let mut parts: Vec<_> = measured.cpu.iter().filter(|(_, time)| **time >= 0.0005).collect();
            parts.sort_by(|a, b| b.1.total_cmp(a.1));
            let parts: Vec<String> = parts.into_iter().map(|(name, time)| format!("{name} {time:.3}")).collect();
            println!("    CPU ms for each: {total:.3} = {}", parts.join(", "));
            self.rows.push(json!({ "row": row.name(), "cpu_ms": measured.cpu }));
        }
        measured.notes.iter().for_each(|note| println!("    {note}"));
        Ok(())
    }

    pub(crate) fn end(self, file: Option<&Path>) -> anyhow::Result<()> {
        let Some(file) = file else { return Ok(()) };
        let text = json!({ "machine": self.machine.json(), "rows": self.rows }).to_string();
        fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
    }
}

/// Why there is no (whole) table.
pub(crate) fn failed(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

fn line(what: &str, measured: &str, bar: &str, aim: &str, verdict: &str) {
    println!("{what:<58} {measured:>12} {bar:>12} {aim:>12}  {verdict}");
}

fn digits(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
