//! The ancestor of everything that an instance runs.
//!
//! A small single-threaded process: it starts the supervisor, collects whoever dies, and once the supervisor is gone
//! ends whatever is left. Being a child subreaper it inherits every orphan below it, also one that called setsid or
//! forked twice. It holds the instance's lock (its stdout) until it has no child.

use std::{
    env, io,
    path::Path,
    process::{Command, Stdio},
};

use nix::{
    errno::Errno,
    sys::wait::{WaitPidFlag, WaitStatus, waitpid},
    unistd::{Pid, setsid},
};

use crate::{instance::Instance, leftovers, proc};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Instance(#[from] crate::instance::Error),
    #[error("cannot start the supervisor: {0}")]
    Spawn(io::Error),
    #[error("cannot {what}: {source}")]
    System { what: &'static str, source: Errno },
}

/// Runs until the supervisor and everything below it are gone. Expects the lock as stdout.
///
/// # Errors
/// When the supervisor cannot be started.
pub fn run(state: &Path) -> Result<(), Error> {
    let instance = Instance::at(state)?;
    // Fails only for the leader of a process group, which then has its own session or asked for none.
    let _ = setsid();
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true)
        .map_err(|source| Error::System { what: "become the subreaper", source })?;

    let shopctl = env::current_exe().map_err(Error::Spawn)?;
    // The supervisor reads the end of its stdin when this process is gone.
    let supervisor = Command::new(shopctl)
        .args(["internal", "supervisor", "--state"])
        .arg(state)
        .stdin(Stdio::piped())
        .spawn()
        .map_err(Error::Spawn)?;
    let pid = Pid::from_raw(supervisor.id().cast_signed());
    loop {
        match waitpid(None, None) {
            Ok(status) if ended(status) == Some(pid) => break,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(source) => return Err(Error::System { what: "wait for children", source }),
        }
    }
    let recorded = leftovers::recorded(&instance);
    leftovers::fast_stop(&recorded, || {
        collect();
        let mut left = proc::descendants(std::process::id());
        // Where the system does not tell who descends from whom, this is all that is known.
        left.extend(recorded.iter().map(|one| one.identity).filter(|identity| identity.is_alive()));
        left
    });
    Ok(())
}

fn ended(status: WaitStatus) -> Option<Pid> {
    match status {
        WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _) => Some(pid),
        _ => None,
    }
}

/// Takes leave of every child that has died.
fn collect() {
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            return;
        }
    }
}
