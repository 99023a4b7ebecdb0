//! `shopctl status --watch`: the table, kept up to date; without a terminal a line for each change.

use std::{
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use shopctl_protocol::{BootOutcome, LogFilter, Phase, Resource, Snapshot, Update};
use shopctl_runtime::Client;
use tokio::time::{Instant, timeout_at};

use super::{head, health, rates::Rates, table, why};
use crate::{args::Global, exit::Exit, printer, running};

/// Changes that come closer together than this are shown together on a terminal.
const FRAME: Duration = Duration::from_millis(50);

pub(super) async fn run(global: &Global, client: Client) -> anyhow::Result<Exit> {
    let mut watch = client.watch(LogFilter::None).await?;
    let output = match (global.json, std::io::stdout().is_terminal()) {
        (true, _) => Output::Json,
        (false, true) => Output::Table,
        (false, false) => Output::Lines,
    };
    let mut view: Option<View> = None;
    // Of before it was stopped: what is stopped is not unhealthy.
    let mut exit = Exit::Success;
    let mut draw_at = None;
    loop {
        let far = Instant::now() + Duration::from_secs(3600);
        let update = match timeout_at(draw_at.unwrap_or(far), watch.next()).await {
            Ok(update) => update?.ok_or_else(|| running::not_running(&global.instance))?,
            Err(_) => {
                if let Some(view) = &view {
                    view.draw()?;
                }
                draw_at = None;
                continue;
            }
        };
        if let Update::Snapshot { snapshot } = update {
            view = Some(View { snapshot, since: Instant::now(), global: global.clone() });
            if let (Some(view), Output::Lines) = (&view, output) {
                view.snapshot.resources.iter().for_each(|resource| printer::data(line(resource)));
            }
        } else if let Some(view) = &mut view {
            match (view.take(&update), output) {
                (false, _) => continue,
                (true, Output::Lines) => say(&update),
                (true, Output::Json | Output::Table) => {}
            }
        }
        let Some(view) = &view else { continue };
        if matches!(view.snapshot.phase, Phase::Booting | Phase::Up) {
            exit = health(&view.snapshot);
        }
        let down = view.snapshot.phase == Phase::Down;
        match output {
            Output::Json => printer::data(serde_json::to_string(&view.now())?),
            Output::Table if down => view.draw()?,
            Output::Table => draw_at = draw_at.or_else(|| Some(Instant::now() + FRAME)),
            Output::Lines => {}
        }
        if down {
            return Ok(exit);
        }
    }
}

#[derive(Clone, Copy)]
enum Output {
    /// Drawn anew in place.
    Table,
    /// One for each change.
    Lines,
    /// A snapshot a line.
    Json,
}

/// The instance as the updates so far tell it.
struct View {
    snapshot: Snapshot,
    since: Instant,
    global: Global,
}

impl View {
    /// Whether it is another one now.
    fn take(&mut self, update: &Update) -> bool {
        let snapshot = &mut self.snapshot;
        match update {
            Update::Changed { resource } => {
                match snapshot.resources.iter_mut().find(|found| found.name == resource.name) {
                    Some(found) if found == resource => return false,
                    Some(found) => found.clone_from(resource),
                    None => snapshot.resources.push(resource.clone()),
                }
            }
            Update::Booted { outcome } => {
                if *outcome == BootOutcome::Ready {
                    snapshot.phase = Phase::Up;
                }
                snapshot.outcome = Some(outcome.clone());
            }
            Update::Stopping { .. } => snapshot.phase = Phase::Stopping,
            Update::Down => snapshot.phase = Phase::Down,
            Update::Snapshot { .. }
            | Update::Progress { .. }
            | Update::Line { .. }
            | Update::Figures { .. }
            | Update::Logged
            | Update::Missed { .. } => {
                return false;
            }
        }
        true
    }

    fn now(&self) -> Snapshot {
        let mut snapshot = self.snapshot.clone();
        snapshot.supervisor.uptime += self.since.elapsed().as_secs_f64();
        snapshot
    }

    fn draw(&self) -> std::io::Result<()> {
        let now = self.now();
        let text = format!("{}\n{}", head(&now), table(&now, &Rates::of(&self.global)));
        let mut terminal = anstream::stdout().lock();
        // Home, each line with an empty rest, then nothing below: unlike a cleared screen this does not flicker.
        write!(terminal, "\x1b[H")?;
        for line in text.lines() {
            write!(terminal, "{line}\x1b[K\r\n")?;
        }
        write!(terminal, "\x1b[J")?;
        terminal.flush()
    }
}

fn line(resource: &Resource) -> String {
    format!("{}: {} {}", resource.name, resource.state, why(resource)).trim_end().to_owned()
}

fn say(update: &Update) {
    match update {
        Update::Changed { resource } => printer::data(line(resource)),
        Update::Booted { outcome: BootOutcome::Ready } => printer::data("all is ready"),
        Update::Booted { .. } => printer::data("the boot failed"),
        Update::Stopping { why, .. } => printer::data(format_args!("stopping: {why}")),
        Update::Down => printer::data("down"),
        Update::Snapshot { .. }
        | Update::Progress { .. }
        | Update::Line { .. }
        | Update::Figures { .. }
        | Update::Logged
        | Update::Missed { .. } => {}
    }
}
