//! What a boot looks like: one line for each resource that is ready, bars for what takes long, and at the bottom what
//! is still waited for. Without a terminal only the lines.

use std::{
    collections::BTreeMap,
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use owo_colors::OwoColorize as _;
use shopctl_protocol::{Cause, Progress, Resource};

use crate::{lines::harmless, printer};

/// Names at the bottom; more would only wrap.
const NAMES: usize = 4;

pub(super) struct Screen {
    multi: MultiProgress,
    bottom: Option<ProgressBar>,
    /// By resource, and by the part of its work.
    bars: BTreeMap<(String, Option<String>), ProgressBar>,
    states: BTreeMap<String, Resource>,
    begin: Instant,
    quiet: bool,
}

impl Screen {
    pub(super) fn new(quiet: bool) -> Self {
        let multi = MultiProgress::new();
        let bottom = (std::io::stderr().is_terminal() && !quiet).then(|| {
            let bar = multi.add(ProgressBar::new_spinner());
            bar.set_style(style("{spinner} {wide_msg}"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { multi, bottom, bars: BTreeMap::new(), states: BTreeMap::new(), begin: Instant::now(), quiet }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    pub(super) fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.states.values()
    }

    /// Writes a line above the bars.
    pub(super) fn line(&self, line: impl std::fmt::Display) {
        if self.bottom.is_some() {
            self.multi.suspend(|| printer::note(line));
        } else {
            printer::note(line);
        }
    }

    /// Writes a line of a log to stdout, above the bars.
    pub(super) fn data(&self, line: impl std::fmt::Display) {
        if self.bottom.is_some() {
            self.multi.suspend(|| printer::data(line));
        } else {
            printer::data(line);
        }
    }

    /// Takes in a state; writes a line where that is worth one.
    pub(super) fn changed(&mut self, resource: Resource) {
        let before = self.states.get(&resource.name).map(|resource| resource.state.clone());
        if before.as_deref() != Some(resource.state.as_str()) {
            if !matches!(resource.state.as_str(), "starting" | "ready") {
                for (_, bar) in self.bars.extract_if(.., |(of, _), _| *of == resource.name) {
                    bar.finish_and_clear();
                }
            }
            if !self.quiet {
                self.announce(&resource, before.as_deref());
            }
        }
        let told = self.states.get(&resource.name).is_some_and(|before| before.log_error == resource.log_error);
        if let Some(error) = resource.log_error.as_ref().filter(|_| !told) {
            self.line(format_args!("{} {:<20} {}", "!".yellow(), resource.name, harmless(error)));
        }
        self.states.insert(resource.name.clone(), resource);
    }

    fn announce(&self, resource: &Resource, before: Option<&str>) {
        let name = &resource.name;
        let took = resource.took.map_or_else(String::new, |took| format!("{took:.2} s"));
        let why = || resource.why.last().map_or_else(String::new, |cause| harmless(&cause.detail).into_owned());
        match (resource.state.as_str(), resource.kind.as_str()) {
            ("ready", _) if before == Some("unready") => {
                self.line(format_args!("{} {name:<20} ready again", "✓".green()))
            }
            ("ready", _) if resource.external => self.line(format_args!("{} {name:<20} external", "✓".green())),
            ("completed", _) if resource.took == Some(0.0) => self.line(format_args!("- {name:<20}   skipped")),
            ("ready" | "completed", _) => self.line(format_args!("{} {name:<20} {took:>9}", "✓".green())),
            ("starting", "task") if self.bottom.is_none() => self.line(format_args!("  {name:<20} runs")),
            ("backing-off" | "unready", _) => self.line(format_args!("{} {name:<20} {}", "!".yellow(), why())),
            ("failed", _) => self.line(format_args!("{} {name:<20} {}", "✗".red(), why())),
            ("stopped", _) if before == Some("stopping") => self.line(format_args!("  {name:<20} stopped")),
            _ => {}
        }
    }

    pub(super) fn progress(&mut self, resource: &str, progress: &Progress) {
        let Some(bottom) = &self.bottom else { return };
        let bar = self.bars.entry((resource.to_owned(), progress.part.clone())).or_insert_with(|| {
            let bar = self.multi.insert_before(bottom, ProgressBar::new(0));
            let prefix = progress.part.as_deref().unwrap_or(resource);
            bar.set_prefix(harmless(prefix).into_owned());
            bar
        });
        // Bytes are shown in the unit that suits them.
        let (scale, unit) = if progress.unit == "KiB" { (1024, "") } else { (1, progress.unit.as_str()) };
        bar.set_message(format!("{} {}", harmless(unit), harmless(&progress.message)).trim_start().to_owned());
        match (progress.total.filter(|total| *total > 0), scale) {
            (Some(total), 1) => {
                bar.set_style(style("  {prefix:<20} [{bar:30}] {pos}/{len} {wide_msg}"));
                bar.set_length(total);
            }
            (Some(total), _) => {
                bar.set_style(style("  {prefix:<20} [{bar:30}] {binary_bytes:>10} of {binary_total_bytes} {wide_msg}"));
                bar.set_length(total.saturating_mul(scale));
            }
            (None, _) => bar.set_style(style("  {prefix:<20} {wide_msg}")),
        }
        bar.set_position(progress.done.saturating_mul(scale));
    }

    /// Says at the bottom what is waited for.
    pub(super) fn waiting(&self, stopping: bool) {
        let Some(bottom) = &self.bottom else { return };
        let wanted: &[&str] = if stopping { &["stopping"] } else { &["starting", "unready", "backing-off"] };
        let names: Vec<&str> = self
            .states
            .values()
            .filter(|resource| wanted.contains(&resource.state.as_str()))
            .map(|resource| resource.name.as_str())
            .collect();
        let more = if names.len() > NAMES { format!(" and {} more", names.len() - NAMES) } else { String::new() };
        let shown = names.iter().take(NAMES).copied().collect::<Vec<_>>().join(", ");
        bottom.set_message(match (stopping, names.is_empty()) {
            (false, true) => "on the way".to_owned(),
            (false, false) => format!("waiting for {shown}{more}"),
            (true, true) => "stopping".to_owned(),
            (true, false) => format!("stopping; Ctrl-C again kills. Waiting for {shown}{more}"),
        });
    }

    /// Writes a chain of causes with their last lines.
    pub(super) fn causes(&self, causes: &[Cause]) {
        for cause in causes {
            self.line(format_args!("  {}: {}", cause.resource.bold(), harmless(&cause.detail)));
            for line in &cause.lines {
                self.line(format_args!("    {} {}", "|".dimmed(), harmless(line)));
            }
        }
    }

    /// Removes the bars.
    pub(super) fn clear(&mut self) {
        for bar in std::mem::take(&mut self.bars).into_values().chain(self.bottom.take()) {
            bar.finish_and_clear();
        }
    }

    /// Shows bars again, at the bottom, for a stop that takes a while.
    pub(super) fn reopen(&mut self) {
        if self.bottom.is_none() {
            self.bottom = Self::new(self.quiet).bottom.map(|bar| self.multi.add(bar));
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates above are constants that a look at any boot proves right.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
