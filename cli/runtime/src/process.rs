//! One process of a resource: in a group of its own, its output read to the end, its exit learnt from the system.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt as _},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use nix::sys::signal;
use shopctl_core::{
    machine::Exit,
    manifest::{Signal, Target},
};
use tokio::{
    net::unix::pipe,
    process::Command,
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    log::{Header, Log, Stream, pump},
    proc::{self, Identity},
};

/// What the environment of every process says about where it belongs.
pub const STATE: &str = "SHOPCTL_STATE";
pub const INSTANCE: &str = "SHOPCTL_INSTANCE";
pub const RUN: &str = "SHOPCTL_RUN";
pub const RESOURCE: &str = "SHOPCTL_RESOURCE";

/// How long output is waited for after an exit if it never pauses: something that got away may write for ever.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Of the pipes that output comes through: at a million lines a second a few milliseconds, while the system's 64 KiB
/// would have the writer wait for us all the time. Not as much as one may have: all pipes of a user share 64 MiB.
#[cfg(target_os = "linux")]
const PIPE_BYTES: i32 = 256 << 10;

/// What to run.
#[derive(Debug, Clone)]
pub struct Spec {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub dir: PathBuf,
    /// Beside what is inherited; the markers are among them.
    pub environment: BTreeMap<String, String>,
    pub signals_to: Target,
    /// Environment entries that only this resource's processes have.
    pub markers: Vec<String>,
}

/// Who wants to know what a process writes.
pub trait Observer: Clone + Send + 'static {
    /// What lines begin with that are offered to `divert`; nothing: none are.
    const MARK: &'static [u8];
    /// Takes a line away from the log (progress).
    fn divert(&mut self, line: &[u8]) -> bool;
    /// Whether `seen` is of any use.
    fn is_watched(&self) -> bool;
    /// Gets a record, whether the log took it or not.
    fn seen(&mut self, header: &Header, body: &[u8]);
    fn log_failed(&mut self, error: io::Error);
    fn log_recovered(&mut self);
}

/// A running process. Dropping it changes nothing for the process.
#[derive(Debug)]
pub struct Process {
    pub identity: Identity,
    wishes: mpsc::UnboundedSender<Wish>,
}

/// What is wanted of a process.
#[derive(Debug)]
enum Wish {
    Signal(Signal),
    Hold(Hold),
}

/// Whether a process may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    Paused,
    Resumed,
}

impl Process {
    /// Starts it; `exited` is called once it, and what it left behind, is gone and its output read.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(
        spec: &Spec,
        log: &Arc<Log>,
        observer: &impl Observer,
        exited: impl FnOnce(Exit) + Send + 'static,
    ) -> io::Result<Self> {
        let mut child = Command::new(&spec.program)
            .args(&spec.arguments)
            .current_dir(&spec.dir)
            .envs(&spec.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let pid = child.id().unwrap_or_default();
        // Not yet waited for, so the pid is still this child's.
        let identity = Identity::of(pid).unwrap_or(Identity { pid, start: 0 });
        let mut outputs = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            outputs.extend(Output::pump(stdout.into_owned_fd(), Stream::Stdout, log, observer));
        }
        if let Some(stderr) = child.stderr.take() {
            outputs.extend(Output::pump(stderr.into_owned_fd(), Stream::Stderr, log, observer));
        }
        let (wishes, mut received) = mpsc::unbounded_channel();
        let (to, markers) = (spec.signals_to, spec.markers.clone());
        tokio::spawn(async move {
            let (mut family, mut told, mut held) = (BTreeSet::new(), false, Hold::Resumed);
            let status = loop {
                // Signals are sent only here, where the child is not yet reaped: its pid cannot be another's.
                tokio::select! {
                    status = child.wait() => break status,
                    Some(wish) = received.recv() => match wish {
                        Wish::Hold(hold) => {
                            held = hold;
                            hold_all(identity, hold);
                        }
                        Wish::Signal(wanted) => {
                            // Who has left group and environment behind is known as long as its parents live.
                            family.extend(proc::family(pid));
                            told = true;
                            // Those who stand still would not hear it, or not from whom it is passed on.
                            if std::mem::replace(&mut held, Hold::Resumed) == Hold::Paused && wanted != Signal::Kill {
                                hold_all(identity, held);
                            }
                            send(identity, to, wanted);
                        }
                    }
                }
            };
            // Who ends well by itself may mean what it leaves to go on, and to write: that lives until the resource is
            // started again, or all is stopped.
            if told || !status.as_ref().is_ok_and(ExitStatus::success) {
                for _ in 0..ROUNDS {
                    if !kill_rest(identity, &family, &markers) {
                        break;
                    }
                    tokio::time::sleep(ROUND).await;
                }
            }
            let drained = futures::future::join_all(outputs.into_iter().map(Output::drained));
            let _ = timeout(LAST_WORDS, drained).await;
            exited(status.map_or(Exit::Code(-1), exit_of));
        });
        Ok(Self { identity, wishes })
    }

    /// Signals the process (SIGKILL: always its whole group).
    pub fn signal(&self, signal: Signal) {
        // It is gone already if nobody receives.
        let _ = self.wishes.send(Wish::Signal(signal));
    }

    /// Lets it and all that descends from it stand still, or go on.
    pub(crate) fn hold(&self, hold: Hold) {
        let _ = self.wishes.send(Wish::Hold(hold));
    }
}

/// What a process writes to one of its streams.
struct Output {
    exited: oneshot::Sender<()>,
    drained: oneshot::Receiver<()>,
}

impl Output {
    /// Starts to read it; for as long as anybody can write it.
    fn pump(pipe: io::Result<OwnedFd>, stream: Stream, log: &Arc<Log>, observer: &impl Observer) -> Option<Self> {
        let mut observer = observer.clone();
        let pipe = pipe.and_then(|pipe| {
            // Where this is refused it stays as it is.
            #[cfg(target_os = "linux")]
            let _ = nix::fcntl::fcntl(&pipe, nix::fcntl::FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
            pipe::Receiver::from_owned_fd(pipe)
        });
        let pipe = pipe.map_err(|error| observer.log_failed(error)).ok()?;
        let (exited, exit) = oneshot::channel();
        let (drain, drained) = oneshot::channel();
        tokio::spawn(pump(pipe, stream, log.clone(), observer, exit, drain));
        Some(Self { exited, drained })
    }

    /// Waits, its process being gone, until all of it is read that there is for the moment.
    async fn drained(self) {
        // Either is an error if the pipe is at its end.
        let _ = self.exited.send(());
        let _ = self.drained.await;
    }
}

fn hold_all(identity: Identity, hold: Hold) {
    let signal = match hold {
        Hold::Paused => signal::Signal::SIGSTOP,
        Hold::Resumed => signal::Signal::SIGCONT,
    };
    let family = proc::family(identity.pid);
    family.into_iter().chain([identity]).for_each(|one| one.signal_only(signal));
}

fn send(identity: Identity, to: Target, wanted: Signal) {
    match to {
        Target::Process if wanted != Signal::Kill => identity.signal(system_signal(wanted)),
        Target::Process | Target::Group => identity.signal_group(system_signal(wanted)),
    }
}

/// A process that forks faster than this can be killed is left to the reaper.
const ROUNDS: usize = 50;
const ROUND: Duration = Duration::from_millis(2);

/// Kills what the first process left behind: its group, its family as it was when it was told to end, and what left both
/// but still carries the markers. Whether there was anything.
fn kill_rest(first: Identity, family: &BTreeSet<Identity>, markers: &[String]) -> bool {
    let mut rest = proc::left_by(first, markers);
    rest.extend(family.iter().filter(|identity| identity.is_alive()));
    rest.iter().for_each(|identity| identity.signal(signal::Signal::SIGKILL));
    !rest.is_empty()
}

/// Ends what an earlier process of a resource has left, before it is started again.
pub(crate) fn end_left_by(first: Identity, markers: &[String]) {
    for _ in 0..ROUNDS {
        if !kill_rest(first, &BTreeSet::new(), markers) {
            return;
        }
        std::thread::sleep(ROUND);
    }
}

/// The system's name of a signal.
#[must_use]
pub fn system_signal(wanted: Signal) -> signal::Signal {
    match wanted {
        Signal::Term => signal::Signal::SIGTERM,
        Signal::Int => signal::Signal::SIGINT,
        Signal::Quit => signal::Signal::SIGQUIT,
        Signal::Hup => signal::Signal::SIGHUP,
        Signal::Kill => signal::Signal::SIGKILL,
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Code(-1),
    }
}
