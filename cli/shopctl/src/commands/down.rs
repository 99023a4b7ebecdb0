//! `shopctl down`: stops an instance.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use shopctl_core::manifest::Infra;
use shopctl_protocol::{LogFilter, StopMode, Update};
use shopctl_runtime::{Client, Instance, client, instance::Lock, leftovers};
use tokio::time::sleep;

use crate::{
    args::{Down, Global},
    containers,
    exit::{Exit, Failure},
    printer, running,
};

/// How long the reaper may take once the supervisor has said that everything is down.
const FAREWELL: Duration = Duration::from_secs(10);

pub(crate) async fn run(global: &Global, args: &Down) -> anyhow::Result<Exit> {
    let instance = running::instance(global)?;
    if !instance.state_dir().exists() {
        printer::note(format_args!("instance {} is not running, and has left nothing", instance.name));
        return Ok(Exit::Success);
    }
    let was_running = match Client::connect(&instance).await {
        Ok(client) => {
            stop(&instance, client).await?;
            true
        }
        Err(client::Error::NotRunning(_)) => false,
        Err(error @ client::Error::OtherVersion { .. }) => {
            printer::note(format_args!("{error}; it is asked by a signal"));
            terminate(&instance).await;
            true
        }
        Err(error) => return Err(error.into()),
    };
    let lock = own(&instance).await?;
    // Where both supervisor and reaper were killed.
    let left = tokio::task::block_in_place(|| leftovers::end_all(&instance));
    if left > 0 {
        printer::note(format_args!("ended {left} processes that an earlier run had left"));
    }
    remove_containers(&instance, args.volumes).await?;
    if args.volumes {
        remove(&instance, &lock)?;
        printer::note(format_args!("removed the data, secrets, logs and ports of instance {}", instance.name));
    } else if was_running {
        printer::note(format_args!("instance {} is down; its data stay", instance.name));
    } else {
        printer::note(format_args!("instance {} is not running", instance.name));
    }
    Ok(Exit::Success)
}

async fn stop(instance: &Instance, mut client: Client) -> anyhow::Result<()> {
    let mut watch = Client::connect(instance).await?.watch(LogFilter::None).await?;
    client.stop(StopMode::Orderly).await?;
    while let Some(update) = watch.next().await? {
        match update {
            Update::Changed { resource } if resource.state == "stopped" && resource.kind != "task" => {
                printer::note(format_args!("stopped {}", resource.name));
            }
            Update::Down => break,
            Update::Snapshot { .. }
            | Update::Changed { .. }
            | Update::Progress { .. }
            | Update::Line { .. }
            | Update::Booted { .. }
            | Update::Stopping { .. }
            | Update::Figures { .. }
            | Update::Logged
            | Update::Missed { .. } => {}
        }
    }
    Ok(())
}

/// Stops a supervisor whose language we don't speak, and waits until it is gone: every version knows SIGTERM.
async fn terminate(instance: &Instance) {
    let Ok(Some(running)) = instance.running() else { return };
    running.supervisor.signal(Signal::SIGTERM);
    while running.supervisor.is_alive() {
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until reaper and supervisor have let go.
async fn own(instance: &Instance) -> anyhow::Result<Lock> {
    let deadline = Instant::now() + FAREWELL;
    loop {
        if let Some(lock) = instance.lock()? {
            return Ok(lock);
        }
        if Instant::now() > deadline {
            let holder = instance.running().ok().flatten();
            let pids =
                holder.map(|found| format!(" (supervisor {}, reaper {})", found.supervisor.pid, found.reaper.pid));
            let message = format!("instance {} does not let go{}", instance.name, pids.unwrap_or_default());
            return Err(Failure::new(Exit::Failure, message)
                .hint("kill both; whatever they leave, the next `shopctl up` or `down` ends")
                .into());
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Removes what an instance has in Docker, its data too with `volumes`.
pub(super) async fn remove_containers(instance: &Instance, volumes: bool) -> Result<(), Failure> {
    if instance.record().ok().flatten().is_none_or(|record| record.infra != Infra::Docker) {
        return Ok(());
    }
    let project = containers::project(instance).await?;
    project.remove_all(volumes).await.map(drop).map_err(containers::failed)
}

/// Removes all that an instance has left on this machine.
pub(super) fn remove(instance: &Instance, lock: &Lock) -> anyhow::Result<()> {
    // A cluster of root's is elsewhere, where PostgreSQL's user can go; a link says where.
    let data = instance.data_dir();
    for entry in std::fs::read_dir(&data).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            let path = entry.path();
            shopctl_embedded::postgres::remove(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(instance.remove(lock)?)
}
