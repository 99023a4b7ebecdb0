//! The control socket, on the side of everyone else.

use std::{collections::BTreeMap, time::Duration};

use shopctl_protocol::{
    Action, Cause, Connection, Fault, LogFilter, Reply, Request, Snapshot, StopMode, Update, VERSION,
};
use tokio::{net::UnixStream, time::timeout};

use crate::instance::{self, Instance};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no instance {0} is running")]
    NotRunning(String),
    #[error("{0}")]
    Refused(String),
    /// `why`: in the words of its supervisor.
    #[error("instance {name} is run by another version of shopctl: {why}")]
    OtherVersion { name: String, pid: u32, why: String },
    #[error("the supervisor does not answer")]
    Silent,
    #[error("the supervisor answered something else than was asked")]
    Confused,
    #[error(transparent)]
    Protocol(#[from] shopctl_protocol::Error),
    #[error(transparent)]
    Instance(#[from] instance::Error),
}

/// Every question is answered from memory: a supervisor that takes longer is stuck.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection to the supervisor of a running instance.
#[derive(Debug)]
pub struct Client(Connection);

impl Client {
    /// Connects and says hello.
    ///
    /// # Errors
    /// When the instance does not run, or is run by a shopctl that speaks another protocol.
    pub async fn connect(instance: &Instance) -> Result<Self, Error> {
        let not_running = || Error::NotRunning(instance.name.clone());
        let running = match instance.running() {
            // Torn by a crash: what matters is whether somebody runs it.
            Err(instance::Error::Malformed { .. }) if !instance.is_locked() => None,
            running => running?,
        };
        let running = running.ok_or_else(not_running)?;
        let stream = UnixStream::connect(&running.socket).await.map_err(|_| not_running())?;
        let mut client = Self(Connection::new(stream));
        let hello = Request::Hello { protocol: VERSION, version: env!("CARGO_PKG_VERSION").to_owned() };
        let other = |why| Error::OtherVersion { name: instance.name.clone(), pid: running.supervisor.pid, why };
        match client.ask(hello).await {
            Ok(Reply::Welcome { .. }) => Ok(client),
            Ok(_) => Err(Error::Confused),
            Err(Error::Refused(why)) => Err(other(why)),
            // Not even its refusal is understood: the version that it wrote down has to do.
            Err(Error::Protocol(shopctl_protocol::Error::Malformed(_))) => {
                let ours = env!("CARGO_PKG_VERSION");
                Err(other(format!("it is shopctl {}, you have {ours}", running.version)))
            }
            Err(error) => Err(error),
        }
    }

    /// # Errors
    /// When the supervisor is gone.
    pub async fn status(&mut self) -> Result<Snapshot, Error> {
        match self.ask(Request::Status).await? {
            Reply::Status { snapshot } => Ok(snapshot),
            _ => Err(Error::Confused),
        }
    }

    /// From the resource to the root of why it is not ready.
    ///
    /// # Errors
    /// When there is no such resource, or the supervisor is gone.
    pub async fn why(&mut self, resource: &str) -> Result<Vec<Cause>, Error> {
        match self.ask(Request::Why { resource: resource.to_owned() }).await? {
            Reply::Why { causes } => Ok(causes),
            _ => Err(Error::Confused),
        }
    }

    /// The instance's addresses, or the variables of one service.
    ///
    /// # Errors
    /// When there is no such service, or the supervisor is gone.
    pub async fn environment(&mut self, service: Option<&str>) -> Result<BTreeMap<String, serde_json::Value>, Error> {
        match self.ask(Request::Env { service: service.map(str::to_owned) }).await? {
            Reply::Env { values } => Ok(values),
            _ => Err(Error::Confused),
        }
    }

    /// Ties the instance's life to this connection, and lets the boot begin.
    ///
    /// # Errors
    /// When somebody else holds the lease, or the supervisor is gone.
    pub async fn lease(&mut self) -> Result<(), Error> {
        self.done(Request::Lease).await
    }

    /// Lets the instance live on without this connection.
    ///
    /// # Errors
    /// When this connection does not hold the lease, or the supervisor is gone.
    pub async fn release(&mut self) -> Result<(), Error> {
        self.done(Request::Release).await
    }

    /// Begins to start, stop or restart resources.
    ///
    /// # Errors
    /// When one of them is unknown or cannot be treated so, or the supervisor is gone.
    pub async fn act(&mut self, action: Action, resources: &[String]) -> Result<(), Error> {
        self.done(Request::Act { action, resources: resources.to_owned() }).await
    }

    /// Says what is to happen at a named point of a service's code; nothing any more without an action.
    ///
    /// # Errors
    /// When the service has no such points or the action makes no sense, or the supervisor is gone.
    pub async fn failpoint(&mut self, resource: &str, point: &str, action: Option<&str>) -> Result<(), Error> {
        let (resource, point) = (resource.to_owned(), point.to_owned());
        self.done(Request::Failpoint { resource, point, action: action.map(str::to_owned) }).await
    }

    /// Breaks something between resources; over once it is so.
    ///
    /// # Errors
    /// When there is no such edge or topic, no proxy on it, or the supervisor is gone.
    pub async fn set_fault(&mut self, fault: Fault) -> Result<(), Error> {
        self.done(Request::SetFault { fault }).await
    }

    /// Makes an edge or a topic whole again, or all of them; over once it is so.
    ///
    /// # Errors
    /// When nothing is broken there, or the supervisor is gone.
    pub async fn clear_faults(&mut self, on: Option<String>) -> Result<(), Error> {
        self.done(Request::ClearFaults { on }).await
    }

    /// Begins to end everything.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub async fn stop(&mut self, mode: StopMode) -> Result<(), Error> {
        self.done(Request::Stop { mode }).await
    }

    /// Turns the connection into a stream of updates, a snapshot first.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub async fn watch(self, lines: LogFilter) -> Result<Watch, Error> {
        self.updates(Request::Watch { lines, figures: false }).await
    }

    /// The same without lines, but with what the resources use and write, and when the logs have more.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub async fn watch_figures(self) -> Result<Watch, Error> {
        self.updates(Request::Watch { lines: LogFilter::None, figures: true }).await
    }

    async fn updates(mut self, request: Request) -> Result<Watch, Error> {
        self.0.send(&request).await?;
        // With the snapshot the watch has begun: nothing that happens from now on is missed.
        match self.0.receive().await? {
            Some(first) => Ok(Watch { connection: self.0, first: Some(first) }),
            None => Err(shopctl_protocol::Error::Closed.into()),
        }
    }

    async fn done(&mut self, request: Request) -> Result<(), Error> {
        match self.ask(request).await? {
            Reply::Done => Ok(()),
            _ => Err(Error::Confused),
        }
    }

    async fn ask(&mut self, request: Request) -> Result<Reply, Error> {
        self.0.send(&request).await?;
        match timeout(PATIENCE, self.0.receive()).await.map_err(|_| Error::Silent)?? {
            Some(Reply::Refused { why }) => Err(Error::Refused(why)),
            Some(reply) => Ok(reply),
            None => Err(shopctl_protocol::Error::Closed.into()),
        }
    }
}

/// Updates of a running instance.
#[derive(Debug)]
pub struct Watch {
    connection: Connection,
    first: Option<Update>,
}

impl Watch {
    /// The next update; `None` once the supervisor is gone. Safe to cancel.
    ///
    /// # Errors
    /// When what came makes no sense.
    pub async fn next(&mut self) -> Result<Option<Update>, Error> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        match self.connection.receive().await {
            Ok(update) => Ok(update),
            // However the supervisor ended, it is gone.
            Err(shopctl_protocol::Error::Io(_) | shopctl_protocol::Error::Closed) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
