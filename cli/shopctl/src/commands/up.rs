//! `shopctl up`: boots an instance and stays with it, or leaves it running.

mod foreground;
mod infra;
mod plan;
mod screen;

use shopctl_protocol::LogFilter;
use shopctl_runtime::{
    Client, Instance,
    client::Watch,
    launch::{self, Note, Prepared},
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

pub(crate) async fn run(global: &Global, args: &Up) -> anyhow::Result<Exit> {
    // From here on Ctrl-C is ours: nothing that has been started may stay behind.
    let mut interrupts = Interrupts::new()?;
    let workspace = running::workspace(global)?;
    let instance = Instance::of(&workspace, &global.instance)?;
    let chosen = tokio::select! {
        chosen = infra::choose(&workspace, &instance, args) => chosen?,
        () = interrupts.next() => return Ok(Exit::Interrupted),
    };
    let manifest = workspace.load(chosen.infra)?;
    let kept = chosen.kept.clone();
    let plan = plan::plan(&workspace, &manifest, chosen, args)?;
    let prepared = match tokio::task::block_in_place(|| prepare(global, &instance, &plan, &kept)) {
        Ok(prepared) => prepared,
        Err(error) => return Err(infra::explained(error).await.into()),
    };
    let (mut reaper, mut lease) = prepared.start().await?;
    let lines = if Foreground::shows_lines(global, args) { LogFilter::All } else { LogFilter::None };
    let watch = match attach(&instance, &mut lease, lines).await {
        Ok(watch) => watch,
        Err(error) => {
            // Without a lease nothing boots; the supervisor, if it lives, ends by itself, and no `up` works before.
            drop(lease);
            reaper.gone().await;
            return Err(error);
        }
    };
    Foreground::new(global, args, lease, watch, reaper).run(&mut interrupts).await
}

async fn attach(instance: &Instance, lease: &mut Client, lines: LogFilter) -> anyhow::Result<Watch> {
    let watch = Client::connect(instance).await?.watch(lines).await?;
    lease.lease().await?;
    Ok(watch)
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
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
