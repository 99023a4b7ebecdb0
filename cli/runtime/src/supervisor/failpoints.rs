//! Named points in the services' code, and what happens there on purpose: kept here, so that who is started anew has them,
//! and told to who runs over a socket of its own.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Duration,
};

use shopctl_core::{
    Id,
    failpoint::{self, Action},
    graph::Role,
    manifest::Kind,
};
use shopctl_protocol::Reply;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

use super::Supervisor;

/// What a service has set when it starts: `name=action;…`, as the crate `fail` reads it.
const SET: &str = "FAILPOINTS";
/// Where it hears of the rest.
const SOCKET: &str = "SHOP_FAILPOINTS";
/// For a service that is being started, to listen.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(10);

/// The points of all resources.
pub(super) struct Failpoints {
    /// Of the sockets, one for each service that has points.
    dir: PathBuf,
    set: BTreeMap<Id, BTreeMap<String, Action>>,
}

impl Failpoints {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, set: BTreeMap::new() }
    }

    /// What is set of a resource, in words.
    pub(super) fn of(&self, id: Id) -> impl Iterator<Item = String> {
        self.set.get(&id).into_iter().flatten().map(|(point, action)| format!("{point}={action}"))
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.dir.join(name).with_extension("fail")
    }
}

impl Supervisor {
    /// Sets or clears a point; answered once the service knows of it, if it runs.
    pub(super) fn failpoint(
        &mut self,
        resource: &str,
        point: String,
        action: Option<&str>,
        answer: oneshot::Sender<Reply>,
    ) {
        // Whoever asked may be gone.
        let (id, action) = match self.failpoint_wanted(resource, &point, action) {
            Ok(wanted) => wanted,
            Err(why) => return drop(answer.send(Reply::Refused { why })),
        };
        let line = format!("{point}={}\n", action.as_ref().map(Action::for_service).unwrap_or_default());
        let set = self.failpoints.set.entry(id).or_default();
        match action {
            Some(action) => drop(set.insert(point, action)),
            None => drop(set.remove(&point)),
        }
        self.publish(id);
        if !self.processes.contains_key(&id) {
            // It begins with what is set.
            return drop(answer.send(Reply::Done));
        }
        let (socket, resource) = (self.failpoints.socket(resource), resource.to_owned());
        tokio::spawn(async move {
            let told = timeout(PATIENCE, tell(&socket, &line)).await;
            drop(answer.send(match told.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())) {
                Ok(()) => Reply::Done,
                Err(error) => Reply::Refused {
                    why: format!("{resource} does not hear of it ({error}); it will once it is started anew"),
                },
            }));
        });
    }

    fn failpoint_wanted(
        &self,
        resource: &str,
        point: &str,
        action: Option<&str>,
    ) -> Result<(Id, Option<Action>), String> {
        let Some(id) = self.machine.graph().find(resource) else {
            return Err(format!("there is no resource {resource} in this instance"));
        };
        if self.machine.role(id) == Role::External {
            return Err(format!("{resource} runs elsewhere (--external)"));
        }
        if !self.has_failpoints(resource) {
            return Err(if self.plan.failpoints {
                format!("{resource} has no failpoints: only services that keep data have")
            } else {
                "there are no failpoints in this shop: `shopctl up --failpoints` builds and boots one that has"
                    .to_owned()
            });
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if point.is_empty() || !point.chars().all(plain) {
            return Err(format!("{point:?} is no name of a failpoint"));
        }
        let action = action.map(str::parse).transpose().map_err(|error: failpoint::Error| error.to_string())?;
        Ok((id, action))
    }

    /// Whether its process has such points in it.
    fn has_failpoints(&self, name: &str) -> bool {
        let Some(resource) = self.manifest.resources.get(name) else { return false };
        let program = resource.command.first().and_then(|word| self.known.fill(name, word).ok());
        let armed = program.is_some_and(|word| self.program(&word).to_string_lossy().ends_with(failpoint::SUFFIX));
        armed && resource.kind == Kind::Service
    }

    /// What a process is started with so that it has its points.
    pub(super) fn failpoint_environment(&self, name: &str) -> Vec<(String, String)> {
        if !self.has_failpoints(name) {
            return Vec::new();
        }
        let mut variables = vec![(SOCKET.to_owned(), self.failpoints.socket(name).display().to_string())];
        let set = self.machine.graph().find(name).and_then(|id| self.failpoints.set.get(&id));
        if let Some(set) = set.filter(|set| !set.is_empty()) {
            let set = set.iter().map(|(point, action)| format!("{point}={}", action.for_service()));
            variables.push((SET.to_owned(), set.collect::<Vec<_>>().join(";")));
        }
        variables
    }

    /// A process is gone. If it died at a point, it has written down at which.
    pub(super) fn count_death(&mut self, id: Id) {
        let note = self.failpoints.socket(self.name(id)).with_extension("struck");
        let Ok(point) = fs::read_to_string(&note) else { return };
        let _ = fs::remove_file(note);
        let Some(set) = self.failpoints.set.get_mut(&id) else { return };
        if let Some(action) = set.remove(&point) {
            set.extend(action.after_death().map(|left| (point, left)));
        }
    }
}

/// Tells a service one line, and waits for its word.
async fn tell(socket: &Path, line: &str) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut stream = loop {
        match UnixStream::connect(socket).await {
            Ok(stream) => break stream,
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused if Instant::now() < deadline => sleep(LOOK).await,
                _ => return Err(error),
            },
        }
    };
    stream.write_all(line.as_bytes()).await?;
    let mut said = String::new();
    BufReader::new(stream).read_line(&mut said).await?;
    match said.trim_end() {
        "ok" => Ok(()),
        "" => Err(ErrorKind::UnexpectedEof.into()),
        said => Err(io::Error::other(said.to_owned())),
    }
}
