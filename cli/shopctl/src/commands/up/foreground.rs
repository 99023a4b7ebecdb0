//! The client of an `up`: shows the boot, then the logs, and ends the instance when it is told to.

use std::{collections::BTreeMap, time::Duration};

use nix::sys::signal::Signal;

use shopctl_protocol::{BootOutcome, Snapshot, StopMode, Update};
use shopctl_runtime::{
    Client,
    client::Watch,
    launch::Reaper,
    log::{Assembler, Line},
    proc::Identity,
};
use tokio::time::{sleep, timeout};

use super::{Interrupts, failure, screen::Screen};
use crate::{
    args::{Global, Up},
    exit::{Exit, Failure},
    lines::{Painter, Style},
    printer,
};

pub(super) struct Foreground<'a> {
    global: &'a Global,
    args: &'a Up,
    lease: Client,
    watch: Watch,
    reaper: Reaper,
    supervisor: Identity,
    screen: Screen,
    painter: Painter,
    assembler: Assembler,
    progress: Progress,
}

/// A supervisor that takes longer to answer is stuck.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far this `up` has come.
enum Progress {
    Booting,
    Ready,
    /// The boot failed: what is to be told once all is down.
    Failed(Failure),
    Interrupted,
}

impl<'a> Foreground<'a> {
    pub(super) fn new(global: &'a Global, args: &'a Up, lease: Client, watch: Watch, reaper: Reaper) -> Self {
        Self {
            global,
            args,
            lease,
            watch,
            supervisor: reaper.supervisor,
            reaper,
            screen: Screen::new(global.quiet),
            painter: Painter::new([], Style::default()),
            assembler: Assembler::default(),
            progress: Progress::Booting,
        }
    }

    pub(super) async fn run(mut self, interrupts: &mut Interrupts) -> anyhow::Result<Exit> {
        match self.follow(interrupts).await {
            // A kill breaks off whatever is being said.
            Err(error) if !error.is::<Failure>() && self.is_supervisor_dead().await => self.supervisor_gone().await,
            end => end,
        }
    }

    /// Whether it is, or is about to be: the system closes what a process has open before it counts as dead.
    async fn is_supervisor_dead(&self) -> bool {
        let dead = async {
            while self.supervisor.is_alive() {
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(PATIENCE, dead).await.is_ok()
    }

    async fn follow(&mut self, interrupts: &mut Interrupts) -> anyhow::Result<Exit> {
        let mut asked = 0_u32;
        let mut stopping = false;
        loop {
            let update = tokio::select! {
                update = self.watch.next() => update?,
                () = interrupts.next() => {
                    asked += 1;
                    self.interrupt(asked).await;
                    continue;
                }
            };
            match update {
                Some(Update::Snapshot { snapshot }) => self.snapshot(snapshot),
                Some(Update::Changed { resource }) => self.screen.changed(resource),
                Some(Update::Progress { resource, progress }) => self.screen.progress(&resource, &progress),
                Some(Update::Line { resource, stamp, stream, partial, text }) => {
                    let line = Line { stamp, stream, partial, bytes: text.into_bytes() };
                    self.line(&resource, line);
                }
                Some(Update::Booted { outcome: BootOutcome::Ready }) => {
                    self.ready().await?;
                    if self.args.detach {
                        self.lease.release().await?;
                        return Ok(Exit::Success);
                    }
                }
                Some(Update::Booted { outcome }) => self.not_booted(&outcome),
                Some(Update::Stopping { why, asked }) => {
                    stopping = true;
                    if matches!(self.progress, Progress::Ready) && !asked {
                        self.progress = Progress::Failed(failure::stopped(&why));
                    }
                    self.screen.reopen();
                    self.screen.line(format_args!("stopping: {why}"));
                }
                Some(Update::Missed { updates }) if self.shows_lines_now() => {
                    self.screen.line(format_args!("{updates} updates are not shown; `shopctl logs` has every line"));
                }
                // These are for dashboards.
                Some(Update::Missed { .. } | Update::Figures { .. } | Update::Logged) => {}
                Some(Update::Down) => break,
                None => return self.supervisor_gone().await,
            }
            self.screen.waiting(stopping);
        }
        // Until here processes that got away may have lived.
        self.reaper.gone().await;
        self.screen.clear();
        match std::mem::replace(&mut self.progress, Progress::Interrupted) {
            Progress::Ready => Ok(Exit::Success),
            Progress::Booting | Progress::Interrupted => Ok(Exit::Interrupted),
            Progress::Failed(failure) => Err(failure.into()),
        }
    }

    /// Stops in order the first time, kills the second.
    async fn interrupt(&mut self, asked: u32) {
        let mode = if asked == 1 { StopMode::Orderly } else { StopMode::Kill };
        match timeout(PATIENCE, self.lease.stop(mode)).await {
            // If the supervisor is gone, the end of the updates says so.
            Ok(_) => {}
            Err(_) if asked == 1 => self.screen.line("the supervisor does not answer; Ctrl-C again kills it"),
            Err(_) => self.supervisor.signal(Signal::SIGKILL),
        }
    }

    fn snapshot(&mut self, snapshot: Snapshot) {
        self.painter = Painter::new(snapshot.resources.iter().map(|resource| resource.name.as_str()), Style::default());
        snapshot.resources.into_iter().for_each(|resource| self.screen.changed(resource));
    }

    /// Whether there are lines to be shown at any time.
    pub(super) fn shows_lines(global: &Global, args: &Up) -> bool {
        global.verbose > 0 || !(args.detach || global.json)
    }

    /// Whether lines are shown now: those of the boot only on demand.
    fn shows_lines_now(&self) -> bool {
        match self.progress {
            Progress::Ready => Self::shows_lines(self.global, self.args),
            Progress::Booting | Progress::Failed(_) | Progress::Interrupted => self.global.verbose > 0,
        }
    }

    fn line(&mut self, resource: &str, line: Line) {
        let shown = self.shows_lines_now();
        if let (Some((line, _)), true) = (self.assembler.add(resource, line), shown) {
            let painted = self.painter.paint(resource, line.stamp, &String::from_utf8_lossy(&line.bytes));
            self.screen.data(painted);
        }
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        self.progress = Progress::Ready;
        self.screen.clear();
        let took = self.screen.elapsed().as_secs_f64();
        let count = self.screen.resources().count();
        let addresses = self.lease.environment(None).await?;
        if self.global.json {
            printer::data(serde_json::to_string(&addresses)?);
            return Ok(());
        }
        printer::note(format_args!(
            "\nall {count} resources of instance {} are ready after {took:.1} s\n",
            self.global.instance
        ));
        let shown: Vec<_> = self.shown(&addresses).collect();
        if !shown.is_empty() {
            let mut table = printer::Table::new(["WHAT", "WHERE"]);
            shown.into_iter().for_each(|(name, value)| table.row([name.clone(), value]));
            printer::note(table);
        }
        let name = match self.global.instance.as_str() {
            "default" => String::new(),
            name => format!(" --instance {name}"),
        };
        let next = if self.args.detach {
            format!("\n`shopctl logs -f{name}` follows it, `shopctl down{name}` stops it")
        } else {
            format!("\n`shopctl checkout{name}` in another terminal buys something; Ctrl-C here stops all\n")
        };
        printer::note(printer::typeable(&next));
        Ok(())
    }

    /// The addresses of what runs in this boot, secrets left out: `shopctl env` has those.
    fn shown<'b>(
        &self,
        addresses: &'b BTreeMap<String, serde_json::Value>,
    ) -> impl Iterator<Item = (&'b String, String)> {
        let ports: Vec<String> = self
            .screen
            .resources()
            .flat_map(|resource| resource.ports.values().map(|port| format!(":{port}")))
            .collect();
        addresses.iter().filter_map(move |(name, value)| {
            let value = value.as_str()?;
            let (_, place) = value.rsplit_once('@').unwrap_or(("", value));
            ports.iter().any(|port| place.contains(port)).then(|| (name, place.to_owned()))
        })
    }

    fn not_booted(&mut self, outcome: &BootOutcome) {
        self.screen.causes(failure::causes(outcome));
        self.progress = match failure::of(outcome, self.global, self.args) {
            Some(failure) => Progress::Failed(failure),
            None => Progress::Interrupted,
        };
    }

    /// Whoever killed the supervisor left everything to the reaper.
    async fn supervisor_gone(&mut self) -> anyhow::Result<Exit> {
        self.reaper.gone().await;
        self.screen.clear();
        Err(failure::killed().into())
    }
}
