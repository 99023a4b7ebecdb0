//! `shopctl internal container`: the process that stands for a container among the supervisor's.
//!
//! It gets the container to run, writes what that writes, and ends with it, saying why. SIGTERM stops the container;
//! SIGHUP leaves it running for the next `up`.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    pin::pin,
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use futures::future::{self, Either};
use shopctl_core::manifest::Infra;
use shopctl_docker::project::{Ending, Health, How, Observer, Output, Report, Since};
use shopctl_runtime::{Instance, plan::Plan, supervisor::PLAN};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    args::Global,
    containers,
    exit::{Exit, Failure},
    lines::harmless,
    printer, running,
};

/// Between the stop signal and SIGKILL where nobody attends to a container any more.
const GRACE: Duration = Duration::from_secs(2);

pub(crate) async fn run(global: &Global, name: &str) -> anyhow::Result<Exit> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut left = signal(SignalKind::hangup())?;
    let instance = running::instance(global)?;
    let (plan, _) = running::plan(&instance)?;
    let compose = plan.compose.as_ref().context("this instance runs without containers")?;
    let services = containers::services(compose)?;
    let service = services.get(name).with_context(|| format!("{} has no service {name}", compose.file.display()))?;
    let project = containers::project(&instance).await?;
    let folder = compose.file.parent().unwrap_or(Path::new("/"));
    // Before the first line of ours.
    let seen = seen(&instance, name);
    // Not broken off by a signal: what has been begun is stopped once it is there.
    let obtained = project.obtain(name, service, folder).await.map_err(containers::failed)?;
    let (container, since) = (&obtained.container, since(obtained.how, seen));
    printer::note(format_args!("{} {} of {}", did(obtained.how), container.name, service.image));
    if let Some(pid) = container.pid.filter(|pid| is_of(*pid, &container.id)) {
        printer::data(format_args!("::process {pid}"));
    }
    let known = match since {
        Since::Time(time) => Some(time),
        Since::Start => None,
    };
    let mut relay = Relay { seen: known };
    let mut attended = Box::pin(project.attend(container, since, &mut relay));
    let told_to_end = async {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    };
    let ending = tokio::select! {
        ending = &mut attended => ending.map_err(containers::failed)?,
        _ = left.recv() => {
            printer::note(format_args!("{} is left running", container.name));
            drop(attended);
            if let Some(seen) = relay.seen {
                instance.save(&file(name), &seen)?;
            }
            return Ok(Exit::Success);
        }
        () = told_to_end => {
            // Its last words are still told, unless the daemon is away, which may be for long.
            let stop = pin!(project.stop(name, service.stop_grace_period));
            let stopped = match future::select(stop, &mut attended).await {
                Either::Left((Ok(()), attended)) => attended.await.map(drop),
                Either::Left((stopped @ Err(_), _)) => stopped,
                Either::Right((_, stop)) => stop.await,
            };
            stopped.map_err(containers::failed)?;
            return Ok(Exit::Success);
        }
    };
    Err(Failure::new(Exit::Resource, format!("container {} {}", container.name, told(&ending))).into())
}

/// Ends what still runs of an instance, for its reaper.
pub(crate) async fn stop_all(state: &Path) -> anyhow::Result<Exit> {
    let instance = Instance::at(state)?;
    let plan: Plan = instance.load(PLAN)?;
    if plan.infra == Infra::Docker {
        let project = containers::project(&instance).await?;
        project.stop_all(GRACE).await.map_err(containers::failed)?;
    }
    Ok(Exit::Success)
}

fn did(how: How) -> &'static str {
    match how {
        How::Adopted => "took over",
        How::Started => "started",
        How::Created => "created",
        How::Recreated => "made anew, since what describes it has changed,",
        How::Replaced => "made anew, since it did not start any more,",
    }
}

/// Whether the process is the container's: a daemon elsewhere numbers its own ones.
fn is_of(pid: u32, container: &str) -> bool {
    !container.is_empty()
        && fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|groups| groups.contains(container))
}

/// From where on its output is not in the log yet.
fn since(how: How, seen: Option<SystemTime>) -> Since {
    match (how, seen) {
        (How::Adopted, Some(time)) => Since::Time(time),
        (How::Adopted, None) | (How::Started | How::Created | How::Recreated | How::Replaced, _) => Since::Start,
    }
}

/// Until when the output of a container that was left running is in the log. Asked once: what comes after makes it wrong.
fn seen(instance: &Instance, name: &str) -> Option<SystemTime> {
    let told = instance.load(&file(name)).ok();
    // Whoever did not get to write it down has left the log, whose clock is some milliseconds behind.
    let _ = fs::remove_file(instance.path(&file(name)));
    told.or_else(|| last_written(instance, name))
}

/// Where that is written down.
fn file(name: &str) -> String {
    format!("seen-{name}.json")
}

/// When the log of a resource was last written.
fn last_written(instance: &Instance, name: &str) -> Option<SystemTime> {
    let files = fs::read_dir(instance.log_dir().join(name)).ok()?.flatten();
    files.filter_map(|file| file.metadata().ok()?.modified().ok()).max()
}

fn told(ending: &Ending) -> String {
    match ending {
        Ending::Exited { code } => format!("exited with {code}"),
        Ending::OomKilled => "was killed: it is out of memory".to_owned(),
        Ending::Killed { signal } => format!("was ended by {signal}, not by shopctl"),
        Ending::RemovedByHand => "was removed, not by shopctl".to_owned(),
        Ending::DaemonGone { error } => format!("is out of sight, the Docker daemon is gone: {error}"),
    }
}

/// Writes what the container writes, where it writes it.
struct Relay {
    /// When the last piece was written.
    seen: Option<SystemTime>,
}

impl Observer for Relay {
    fn output(&mut self, output: Output, time: Option<SystemTime>, bytes: &[u8]) {
        self.seen = time.max(self.seen);
        // Whoever reads it is the supervisor; when that is gone, nobody wants it.
        let _ = match output {
            Output::Stdout => write(io::stdout().lock(), bytes),
            Output::Stderr => write(io::stderr().lock(), bytes),
        };
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Health(Health::Healthy) => printer::data("::healthy"),
            Report::Health(Health::Unhealthy { output }) => {
                printer::data(format_args!("::unhealthy {}", harmless(output.trim()).replace('\n', " ")));
            }
            Report::Paused => printer::note("the container is paused, not by shopctl"),
            Report::Resumed => printer::note("the container goes on"),
            Report::DaemonAway { error } => {
                printer::note(format_args!("the Docker daemon is away, trying again: {error}"));
            }
            Report::DaemonBack => printer::note("the Docker daemon is back"),
        }
    }
}

fn write(mut to: impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}
