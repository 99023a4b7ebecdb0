//! How far something is: a bar on a terminal, lines for the supervisor when it runs us as a task, else nothing.

use std::{
    io::IsTerminal as _,
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use shopctl_runtime::process::RESOURCE;

use crate::printer;

/// More lines than this would only fill the log.
const LINE_PERIOD: Duration = Duration::from_millis(100);

/// Where a long piece of work tells how far it is.
pub(crate) struct Meter {
    unit: &'static str,
    part: Option<String>,
    sink: Sink,
}

enum Sink {
    Bar(ProgressBar),
    Lines(Mutex<Option<Instant>>),
    Nowhere,
}

#[derive(Serialize)]
struct Line<'a> {
    done: u64,
    /// 0 while it is unknown.
    total: u64,
    unit: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<&'a str>,
}

impl Meter {
    /// `unit` is the plural of what is counted.
    pub(crate) fn new(unit: &'static str) -> Self {
        Self::with_part(unit, None)
    }

    /// That of one of several pieces of work at once.
    pub(crate) fn of_part(unit: &'static str, part: &str) -> Self {
        Self::with_part(unit, Some(part.to_owned()))
    }

    fn with_part(unit: &'static str, part: Option<String>) -> Self {
        let sink = if std::env::var_os(RESOURCE).is_some() {
            Sink::Lines(Mutex::new(None))
        } else if std::io::stderr().is_terminal() {
            Sink::Bar(ProgressBar::no_length())
        } else {
            Sink::Nowhere
        };
        let meter = Self { unit, part, sink };
        if let Sink::Bar(bar) = &meter.sink {
            bar.set_style(meter.style());
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        meter
    }

    /// `done` of `total` are over; `message` is what is at work.
    pub(crate) fn set(&self, done: u64, total: Option<u64>, message: &str) {
        match &self.sink {
            Sink::Bar(bar) => {
                if let Some(total) = total.filter(|&total| bar.length() != Some(total)) {
                    bar.set_length(total);
                    bar.set_style(self.style());
                }
                bar.set_position(done);
                bar.set_message(message.to_owned());
            }
            Sink::Lines(last) => {
                let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let complete = total == Some(done);
                if complete || last.is_none_or(|last| last.elapsed() >= LINE_PERIOD) {
                    *last = Some(Instant::now());
                    let part = self.part.as_deref();
                    let line = Line { done, total: total.unwrap_or(0), unit: self.unit, message, part };
                    // A struct of numbers and strings always has a JSON form.
                    printer::data(format_args!("::progress {}", serde_json::to_string(&line).unwrap_or_default()));
                }
            }
            Sink::Nowhere => {}
        }
    }

    /// Writes a line of data without tearing the bar.
    pub(crate) fn data(&self, line: impl std::fmt::Display) {
        match &self.sink {
            Sink::Bar(bar) => bar.suspend(|| printer::data(line)),
            Sink::Lines(_) | Sink::Nowhere => printer::data(line),
        }
    }

    /// Writes a line for the user without tearing the bar.
    pub(crate) fn note(&self, line: &str) {
        match &self.sink {
            Sink::Bar(bar) => bar.suspend(|| printer::note(line)),
            Sink::Lines(_) | Sink::Nowhere => printer::note(line),
        }
    }

    fn style(&self) -> ProgressStyle {
        let known = matches!(&self.sink, Sink::Bar(bar) if bar.length().is_some());
        let template = if known {
            format!("{{bar:30.cyan/blue}} {{pos}}/{{len}} {} {{wide_msg:.dim}}", self.unit)
        } else {
            "{spinner:.cyan} {elapsed} {wide_msg:.dim}".to_owned()
        };
        ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar())
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Sink::Bar(bar) = &self.sink {
            bar.finish_and_clear();
        }
    }
}
