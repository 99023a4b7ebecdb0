//! From nothing to a supervisor that waits for its client: lock, leftovers, ports, plan, reaper.

use std::{
    env,
    fs::{self, File},
    io,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use nix::sys::signal::SigmaskHow;
use shopctl_core::{Graph, graph::Role};
use tokio::{
    process::{Child, Command},
    time::sleep,
};

use crate::{
    client::{self, Client},
    instance::{self, Holder, Instance, Lock, RECORD, Record, Running, STATE_VERSION},
    leftovers,
    plan::Plan,
    ports::{self, Ports, Wish},
    proc::Identity,
    reaper::spared_signals,
    supervisor::PLAN,
};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `holder`: none if another `up` is just about to start it.
    #[error("instance {name} is running already: {}", .holder.as_ref().map_or_else(|| "another `up` is starting it".to_owned(), ToString::to_string))]
    AlreadyRunning { name: String, holder: Option<Box<Holder>> },
    #[error(transparent)]
    Instance(#[from] instance::Error),
    #[error(transparent)]
    NoPorts(#[from] ports::Error),
    /// `remembered`: the ports are those of an earlier `up`.
    #[error("{source}")]
    Ports { source: ports::Error, remembered: bool },
    #[error(transparent)]
    Manifest(#[from] shopctl_core::manifest::Error),
    #[error(transparent)]
    Graph(#[from] shopctl_core::graph::Error),
    #[error("cannot start the supervisor: {0}")]
    Spawn(io::Error),
    #[error("the supervisor ended before it answered; it said: {0}")]
    Died(String),
    #[error(transparent)]
    Client(#[from] client::Error),
}

/// What the user may like to know while it takes a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// An earlier run left this many processes; they are ended now.
    Leftovers(usize),
    /// An outgoing connection has this port; it is tried again.
    PortBusy(u16),
    /// What the instance remembered made no sense; its ports are settled anew.
    RecordLost,
}

/// An instance that is ours and ready to be started.
#[derive(Debug)]
pub struct Prepared {
    instance: Instance,
    run: String,
    lock: Lock,
}

/// Takes the instance, ends what an earlier run left, settles the ports and writes the plan. The resources `kept` run
/// already and have their ports.
///
/// # Errors
/// When somebody runs it already, a port is taken, or the state cannot be used.
pub fn prepare(
    instance: &Instance,
    plan: &Plan,
    wish: Wish,
    kept: &[String],
    mut note: impl FnMut(Note),
) -> Result<Prepared, Error> {
    let manifest = plan.parse()?;
    let graph = Graph::new(&manifest, &plan.options())?;
    instance.create()?;
    let Some(lock) = instance.lock_patiently()? else {
        let holder = instance.holder().filter(|holder| holder.running.reaper.is_alive()).map(Box::new);
        return Err(Error::AlreadyRunning { name: instance.name.clone(), holder });
    };
    let left = leftovers::end_all(instance);
    if left > 0 {
        note(Note::Leftovers(left));
    }
    let record = match instance.record() {
        // A crash in the middle of the first `up`, or a full disk: all but the ports is known, and those are found again.
        Err(instance::Error::Malformed { .. }) => {
            note(Note::RecordLost);
            None
        }
        record => Some(record?),
    };
    let ports = match &record {
        Some(Some(record)) => record.ports.clone().complete(&manifest)?,
        Some(None) => Ports::choose(&manifest, wish, instance.state_dir())?,
        None => Ports::recover(&manifest, wish, instance.state_dir())?,
    };
    let remembered = matches!(record, Some(Some(_)));
    let is_kept = |name: &str| kept.iter().any(|kept| kept == name);
    let launched = graph.ids().map(|id| graph.node(id)).filter(|node| node.role == Role::Launched);
    let launched: Vec<&str> = launched.map(|node| node.name.as_str()).filter(|name| !is_kept(name)).collect();
    let checked = ports.check(&launched, |port| note(Note::PortBusy(port)));
    checked.map_err(|source| Error::Ports { source, remembered })?;
    // Only now: whoever gives an offset because a port was taken must not find the first choice remembered.
    instance.save(
        RECORD,
        &Record {
            state_version: STATE_VERSION,
            name: instance.name.clone(),
            workspace: plan.workspace.clone(),
            infra: plan.infra,
            ports,
        },
    )?;
    instance.save(PLAN, plan)?;
    Ok(Prepared { instance: instance.clone(), run: plan.run.clone(), lock })
}

/// The reaper of an instance that this process started: gone when nothing of the instance runs any more.
#[derive(Debug)]
pub struct Reaper {
    child: Child,
    pub supervisor: Identity,
}

impl Reaper {
    /// Waits until nothing of the instance runs any more.
    pub async fn gone(&mut self) {
        // Not being able to wait means that somebody else has: it is gone.
        let _ = self.child.wait().await;
    }
}

impl Prepared {
    /// Starts reaper and supervisor, and connects. Nothing boots before the client holds the lease.
    ///
    /// # Errors
    /// When they cannot be started.
    pub async fn start(self) -> Result<(Reaper, Client), Error> {
        let log = self.instance.path("supervisor.log");
        let mut command = Command::new(env::current_exe().map_err(Error::Spawn)?);
        command
            .args(["internal", "reaper", "--state"])
            .arg(self.instance.state_dir())
            .stdin(Stdio::null())
            // The lock lasts as long as reaper or supervisor hold this file.
            .stdout(Stdio::from(self.lock.into_file()))
            .stderr(Stdio::from(create(&log).map_err(Error::Spawn)?));
        // A child inherits what is blocked: a Ctrl-C before it has a session of its own must not end it.
        let before = spared_signals().thread_swap_mask(SigmaskHow::SIG_BLOCK);
        let child = command.spawn();
        // It holds the lock too.
        drop(command);
        // Cannot fail where blocking has not.
        let _ = before.map(|before| before.thread_set_mask());
        let mut child = child.map_err(Error::Spawn)?;
        let begin = Instant::now();
        loop {
            let found = self.instance.running().ok().flatten().filter(|found| found.run == self.run);
            if let Some(Running { supervisor, .. }) = found {
                match Client::connect(&self.instance).await {
                    Ok(client) => return Ok((Reaper { child, supervisor }, client)),
                    // A kill breaks off whatever is being said; the reaper's end follows.
                    Err(client::Error::NotRunning(_) | client::Error::Protocol(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let ended = child.try_wait().map_err(Error::Spawn)?.is_some();
            if ended || begin.elapsed() > Duration::from_secs(20) {
                return Err(Error::Died(fs::read_to_string(&log).unwrap_or_default().trim().to_owned()));
            }
            sleep(Duration::from_millis(2)).await;
        }
    }
}

fn create(path: &PathBuf) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // Appending, since reaper and supervisor both write here.
    fs::remove_file(path).or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    File::options().append(true).create(true).mode(0o600).open(path)
}
