//! `shopctl up`: boots an instance and stays with it, or leaves it running.

mod dashboard;
mod failure;
mod foreground;
mod infra;
mod plan;
mod screen;

use shopctl_core::manifest::Variant;
use shopctl_protocol::LogFilter;
use shopctl_runtime::{
    Client, Instance, Workspace,
    client::Watch,
    launch::{self, Note, Prepared, Reaper},
    plan::Plan,
    ports::Wish,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    args::{Global, Up},
    exit::Exit,
    printer, running,
};
use foreground::Foreground;
use infra::Chosen;

pub(crate) async fn run(global: &Global, args: &Up) -> anyhow::Result<Exit> {
    // From here on Ctrl-C is ours: nothing that has been started may stay behind.
    let mut interrupts = Interrupts::new()?;
    if dashboard::is_wanted(global, args) {
        return dashboard::run(global, args).await;
    }
    let place = Place::find(global)?;
    let chosen = tokio::select! {
        chosen = infra::choose(&place.workspace, &place.instance, args) => chosen?,
        () = interrupts.next() => return Ok(Exit::Interrupted),
    };
    let lines = if Foreground::shows_lines(global, args) { LogFilter::All } else { LogFilter::None };
    let Booting { lease, watch, reaper } = place.boot(global, args, chosen, Watching::Lines(lines)).await?;
    Foreground::new(global, args, lease, watch, reaper).run(&mut interrupts).await
}

/// Where something is to boot.
struct Place {
    workspace: Workspace,
    instance: Instance,
}

/// What a boot has begun with.
pub(super) struct Booting {
    pub(super) lease: Client,
    pub(super) watch: Watch,
    pub(super) reaper: Reaper,
}

/// What its client wants to see.
enum Watching {
    Lines(LogFilter),
    Figures,
}

impl Place {
    fn find(global: &Global) -> anyhow::Result<Self> {
        let workspace = running::workspace(global)?;
        Ok(Self { instance: Instance::of(&workspace, &global.instance)?, workspace })
    }

    /// Begins to boot.
    async fn boot(&self, global: &Global, args: &Up, chosen: Chosen, watching: Watching) -> anyhow::Result<Booting> {
        let manifest = self.workspace.load(Variant { infra: chosen.infra, telemetry: !args.boot.no_telemetry })?;
        let kept = chosen.kept.clone();
        let plan = plan::plan(&self.workspace, &manifest, chosen, args)?;
        let prepared = match tokio::task::block_in_place(|| prepare(global, &self.instance, &plan, &kept)) {
            Ok(prepared) => prepared,
            Err(error) => return Err(infra::explained(error).await.into()),
        };
        let (mut reaper, mut lease) = prepared.start().await?;
        match self.attach(&mut lease, watching).await {
            Ok(watch) => Ok(Booting { lease, watch, reaper }),
            Err(error) => {
                // Without a lease nothing boots; the supervisor, if it lives, ends by itself, and no `up` works before.
                drop(lease);
                reaper.gone().await;
                Err(error)
            }
        }
    }

    async fn attach(&self, lease: &mut Client, watching: Watching) -> anyhow::Result<Watch> {
        let client = Client::connect(&self.instance).await?;
        let watch = match watching {
            Watching::Lines(lines) => client.watch(lines).await?,
            Watching::Figures => client.watch_figures().await?,
        };
        lease.lease().await?;
        Ok(watch)
    }
}

/// Begins to boot for another command: with whoever has the lease the instance lives and ends.
pub(super) async fn begin(global: &Global, args: &Up) -> anyhow::Result<Booting> {
    let place = Place::find(global)?;
    let chosen = infra::choose(&place.workspace, &place.instance, args).await?;
    place.boot(global, args, chosen, Watching::Lines(LogFilter::None)).await
}

fn prepare(global: &Global, instance: &Instance, plan: &Plan, kept: &[String]) -> Result<Prepared, launch::Error> {
    let wish = if global.isolated { Wish::Isolated } else { Wish::Offset(global.port_offset.unwrap_or(0)) };
    if wish != Wish::Offset(0) && instance.record().is_ok_and(|record| record.is_some()) {
        printer::note(format_args!("instance {} keeps the ports of its first `up`", instance.name));
    }
    let note = |note| match note {
        Note::Leftovers(count) => printer::note(format_args!("ended {count} processes that an earlier run had left")),
        Note::RecordLost => printer::note(format_args!(
            "what instance {} remembered is damaged: its data stay, its ports are settled anew",
            instance.name
        )),
        Note::PortBusy(port) => {
            printer::note(format_args!(
                "port {port} belongs to an outgoing connection for the moment (a minute at most, once it is closed); trying again"
            ));
        }
    };
    launch::prepare(instance, plan, wish, kept, note)
}

/// Ctrl-C and SIGTERM.
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
