//! The ancestor of everything that an instance runs.
//!
//! A small single-threaded process: it starts the supervisor, collects whoever dies, and once the supervisor is gone
//! ends whatever is left. Being a child subreaper it inherits every orphan below it, also one that called setsid or
//! forked twice. It holds the instance's lock (its stdout) until it has no child.

use std::{
    env, fs, io,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, close, setsid},
};
use shopctl_core::manifest::Infra;

use crate::{instance::Instance, leftovers, plan::Plan, proc, supervisor::PLAN};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Instance(#[from] crate::instance::Error),
    #[error("cannot start the supervisor: {0}")]
    Spawn(io::Error),
    #[error("cannot start what stops containers, some may still run: {0}")]
    Containers(io::Error),
    #[error("cannot {what}: {source}")]
    System { what: &'static str, source: Errno },
}

/// What a terminal, or a `kill` that means well, sends: it is meant for the client and for the supervisor. Whoever starts
/// the reaper blocks them, so that there is no moment at which Ctrl-C reaches it.
pub(crate) fn spared_signals() -> SigSet {
    [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTSTP, Signal::SIGHUP, Signal::SIGTERM].into_iter().collect()
}

/// Runs until the supervisor and everything below it are gone. Expects the lock as stdout.
///
/// # Errors
/// When the supervisor cannot be started.
pub fn run(state: &Path) -> Result<(), Error> {
    close_inherited();
    let instance = Instance::at(state)?;
    // Fails only for the leader of a process group, which then has its own session or asked for none.
    let _ = setsid();
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true).map_err(system("become the subreaper"))?;

    let supervisor = start_supervisor(state)?;
    let pid = Pid::from_raw(supervisor.id().cast_signed());
    let status = loop {
        match waitpid(None, None) {
            Ok(status) if ended(status) == Some(pid) => break status,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(source) => return Err(system("wait for children")(source)),
        }
    };
    // After a stop in order every resource has had its grace: what is left got away from it.
    let grace = if matches!(status, WaitStatus::Exited(_, 0)) { Duration::ZERO } else { leftovers::GRACE };
    let recorded = leftovers::recorded(&instance);
    leftovers::fast_stop(&recorded, grace, || {
        let childless = collect();
        let mut left = if childless { Vec::new() } else { proc::descendants(&[std::process::id()]) };
        // Where the system does not tell who descends from whom, this is all that is known.
        left.extend(recorded.iter().map(|one| one.identity).filter(|identity| identity.is_alive()));
        // A look at the processes may miss one that forks meanwhile; that there is no child says it for certain.
        (!childless || !left.is_empty()).then_some(left)
    });
    stop_containers(&instance)
}

/// Whoever attended to a container may have been killed before it could stop it, and a container is nobody's child.
fn stop_containers(instance: &Instance) -> Result<(), Error> {
    let plan: Option<Plan> = instance.load(PLAN).ok();
    if !plan.is_some_and(|plan| plan.infra == Infra::Docker && !plan.keep_infra) {
        return Ok(());
    }
    let stopped = env::current_exe().and_then(|shopctl| {
        // What it says is found in supervisor.log.
        Command::new(shopctl)
            .args(["internal", "stop-containers", "--state"])
            .arg(instance.state_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
    });
    stopped.map(drop).map_err(Error::Containers)
}

/// Closes what whoever typed `up` had open besides stdin, stdout and stderr: somebody may wait for the end of that pipe,
/// and it is no business of any service. Nothing of ours is open yet.
fn close_inherited() {
    let entries = fs::read_dir("/dev/fd").into_iter().flatten().flatten();
    let open: Vec<i32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|&descriptor| descriptor > 2) {
        // The one of the folder is closed already.
        let _ = close(descriptor);
    }
}

/// Starts it with no signal blocked, then blocks ours for good.
fn start_supervisor(state: &Path) -> Result<Child, Error> {
    let spared = spared_signals();
    spared.thread_block().map_err(system("block signals"))?;
    // What came before we had a session of our own.
    let pending = SignalFd::with_flags(&spared, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC);
    let pending = pending.map_err(system("read signals"))?;
    while let Ok(Some(_)) = pending.read_signal() {}
    spared.thread_unblock().map_err(system("unblock signals"))?;
    let shopctl = env::current_exe().map_err(Error::Spawn)?;
    // The supervisor reads the end of its stdin when this process is gone.
    let supervisor = Command::new(shopctl)
        .args(["internal", "supervisor", "--state"])
        .arg(state)
        .stdin(Stdio::piped())
        .spawn()
        .map_err(Error::Spawn)?;
    spared.thread_block().map_err(system("block signals"))?;
    Ok(supervisor)
}

fn system(what: &'static str) -> impl Fn(Errno) -> Error {
    move |source| Error::System { what, source }
}

fn ended(status: WaitStatus) -> Option<Pid> {
    match status {
        WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _) => Some(pid),
        _ => None,
    }
}

/// Takes leave of every child that has died; whether there is none any more.
fn collect() -> bool {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return false,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return true,
        }
    }
}
