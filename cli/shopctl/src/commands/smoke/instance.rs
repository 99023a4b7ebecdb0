//! The shop that one `smoke` has for itself.

use clap::Parser as _;
use shopctl_protocol::{BootOutcome, StopMode, Update};
use shopctl_runtime::{Client, client::Watch, launch::Reaper};

use crate::{
    args::{Cli, Command, Down, Global, Up, smoke::Smoke},
    commands::{
        down,
        up::{self, Booting, Interrupts},
    },
    exit::Exit,
    lines::harmless,
    progress::Meter,
};

/// A running shop that ends with this process, however that ends.
pub(super) struct Instance {
    lease: Client,
    watch: Watch,
    reaper: Reaper,
}

/// Why there is none.
pub(super) struct NotBooted {
    pub(super) exit: Exit,
    pub(super) why: String,
}

/// What everything here is called with: on ports of its own, and under a name that nobody else has.
pub(super) fn global(global: &Global) -> Global {
    let mut own = Global { isolated: true, port_offset: None, ..global.clone() };
    if own.instance == "default" {
        own.instance = format!("smoke-{}-{:04x}", std::process::id(), rand::random::<u16>());
    }
    own
}

impl Instance {
    /// Builds and boots; with `faults` so that edges can be broken.
    ///
    /// # Errors
    /// When it could not even begin.
    pub(super) async fn boot(
        global: &Global,
        args: &Smoke,
        faults: bool,
        interrupts: &mut Interrupts,
    ) -> anyhow::Result<Result<Self, NotBooted>> {
        let arguments = boot_arguments(args, faults)?;
        let begun = tokio::select! {
            begun = up::begin(global, &arguments) => begun?,
            () = interrupts.next() => return Ok(Err(interrupted())),
        };
        let Booting { lease, watch, reaper } = begun;
        let mut instance = Self { lease, watch, reaper };
        let ended = tokio::select! {
            ended = instance.booted() => ended,
            () = interrupts.next() => Err(interrupted()),
        };
        match ended {
            Ok(()) => Ok(Ok(instance)),
            Err(why) => {
                instance.stop(interrupts).await;
                Ok(Err(why))
            }
        }
    }

    async fn booted(&mut self) -> Result<(), NotBooted> {
        let meter = Meter::new("units");
        loop {
            let outcome = match self.watch.next().await {
                Ok(Some(Update::Booted { outcome })) => outcome,
                Ok(Some(Update::Progress { resource, progress })) => {
                    meter.set(progress.done, progress.total, &format!("{resource} {}", progress.message));
                    continue;
                }
                Ok(Some(Update::Changed { resource })) => {
                    meter.set(0, None, &format!("{} is {}", resource.name, resource.state));
                    continue;
                }
                Ok(Some(
                    Update::Snapshot { .. }
                    | Update::Line { .. }
                    | Update::Logged
                    | Update::Figures { .. }
                    | Update::Missed { .. }
                    | Update::Stopping { .. }
                    | Update::Down,
                )) => continue,
                Ok(None) => return Err(not_booted(Exit::Failure, "its supervisor was killed")),
                Err(error) => return Err(not_booted(Exit::Failure, &error.to_string())),
            };
            return match outcome {
                BootOutcome::Ready => Ok(()),
                BootOutcome::Failed { resource, why, causes } => {
                    let lines = causes.iter().flat_map(|cause| &cause.lines).map(|line| format!("\n| {line}"));
                    let why = format!("{resource} {why}{}", lines.collect::<String>());
                    Err(not_booted(Exit::Resource, &why))
                }
                BootOutcome::PortTaken { resource, why, .. } => {
                    Err(not_booted(Exit::Conflict, &format!("{resource}: {why}")))
                }
                BootOutcome::TimedOut { waiting } => {
                    let late: Vec<String> =
                        waiting.iter().map(|cause| format!("{}: {}", cause.resource, cause.detail)).collect();
                    Err(not_booted(Exit::TimedOut, &format!("not all was ready in time: {}", late.join("; "))))
                }
                BootOutcome::Interrupted { why } => Err(not_booted(Exit::Failure, &why)),
            };
        }
    }

    /// Stops everything, and waits until it is gone; another Ctrl-C kills.
    async fn stop(mut self, interrupts: &mut Interrupts) {
        // Where the supervisor is gone, the reaper ends what is left.
        let _ = self.lease.stop(StopMode::Orderly).await;
        loop {
            tokio::select! {
                update = self.watch.next() => if matches!(update, Ok(Some(Update::Down) | None) | Err(_)) {
                    break;
                },
                () = interrupts.next() => drop(self.lease.stop(StopMode::Kill).await),
            }
        }
        self.reaper.gone().await;
    }
}

/// Stops it, if it runs, and removes all that is left of it.
pub(super) async fn end(
    global: &Global,
    instance: Option<Instance>,
    interrupts: &mut Interrupts,
) -> anyhow::Result<()> {
    if let Some(instance) = instance {
        instance.stop(interrupts).await;
    }
    down::run(global, &Down { volumes: true }).await.map(drop)
}

fn interrupted() -> NotBooted {
    not_booted(Exit::Interrupted, "it was interrupted")
}

fn not_booted(exit: Exit, why: &str) -> NotBooted {
    NotBooted { exit, why: why.lines().map(harmless).collect::<Vec<_>>().join("\n") }
}

/// The same as `shopctl up` with these options.
fn boot_arguments(args: &Smoke, faults: bool) -> anyhow::Result<Up> {
    match Cli::try_parse_from(["shopctl", "up", "--no-tui"])?.command {
        Command::Up(up) => Ok(Up { boot: args.boot.clone(), faults, failpoints: args.failpoints, ..up }),
        _ => anyhow::bail!("`up` is no other command"),
    }
}
