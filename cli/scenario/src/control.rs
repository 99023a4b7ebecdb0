//! The supervisor of the shop, over its control socket: what breaks things on purpose, and what resources write.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use shopctl_core::failpoint;
use shopctl_protocol::{Action, Connection, LogFilter, Reply, Request, Resource, Update, VERSION};
use tokio::{net::UnixStream, task::JoinHandle, time::sleep};

use crate::{file::Fault, report::Failure};

/// Between two looks at what comes about by itself.
const LOOK: Duration = Duration::from_millis(20);

/// So often a service may die while it is told that nothing is to happen at a point any more.
const DEATHS: usize = 3;

/// What is told of a resource that stands still.
const PAUSED: &str = "paused";

/// The control socket of one instance.
#[derive(Debug, Clone)]
pub(crate) struct Control(PathBuf);

impl Control {
    /// # Errors
    /// When nobody told where it is.
    pub(crate) fn of(socket: Option<&Path>) -> Result<Self, Failure> {
        let socket = socket.ok_or_else(|| Failure::new("a shop with a supervisor", "one that runs without"))?;
        Ok(Self(socket.to_owned()))
    }

    pub(crate) async fn connect(&self) -> Result<Connection, Failure> {
        let expected = "the supervisor";
        let stream = UnixStream::connect(&self.0).await.map_err(|error| Failure::new(expected, error))?;
        let mut connection = Connection::new(stream);
        let hello = Request::Hello { protocol: VERSION, version: env!("CARGO_PKG_VERSION").to_owned() };
        match ask(&mut connection, &hello).await? {
            Reply::Welcome { .. } => Ok(connection),
            other => Err(Failure::new(expected, format_args!("{other:?}"))),
        }
    }

    /// All resources as they are now.
    pub(crate) async fn resources(&self) -> Result<Vec<Resource>, Failure> {
        match ask(&mut self.connect().await?, &Request::Status).await? {
            Reply::Status { snapshot } => Ok(snapshot.resources),
            other => Err(Failure::new("a status", format_args!("{other:?}"))),
        }
    }

    pub(crate) async fn resource(&self, name: &str) -> Result<Resource, Failure> {
        let resources = self.resources().await?;
        let known: Vec<String> = resources.iter().map(|resource| resource.name.clone()).collect();
        let found = resources.into_iter().find(|resource| resource.name == name);
        found.ok_or_else(|| Failure::new(format_args!("a resource {name}"), known.join(", ")))
    }

    pub(crate) async fn act(&self, action: Action, name: &str) -> Result<(), Failure> {
        let request = Request::Act { action, resources: vec![name.to_owned()] };
        match ask(&mut self.connect().await?, &request).await? {
            Reply::Done => Ok(()),
            Reply::Refused { why } => Err(Failure::new(format_args!("{action:?} of {name}"), why)),
            other => Err(Failure::new("a word that it is done", format_args!("{other:?}"))),
        }
    }

    /// Sets a failpoint, or clears it.
    pub(crate) async fn failpoint(&self, name: &str, point: &str, action: Option<&str>) -> Result<(), Failure> {
        let (resource, point, action) = (name.to_owned(), point.to_owned(), action.map(str::to_owned));
        let expected = format!("a failpoint {point} of {name}");
        match ask(&mut self.connect().await?, &Request::Failpoint { resource, point, action }).await? {
            Reply::Done => Ok(()),
            Reply::Refused { why } => Err(Failure::new(expected, why)),
            other => Err(Failure::new(expected, format_args!("{other:?}"))),
        }
    }

    /// Has nothing happen at a point any more.
    pub(crate) async fn clear_point(&self, name: &str, point: &str) -> Result<(), Failure> {
        let mut cleared = self.failpoint(name, point, None).await;
        // Who dies meanwhile, perhaps at this very point, hears nothing of it.
        for _ in 0..DEATHS {
            if cleared.is_ok() {
                break;
            }
            sleep(LOOK).await;
            cleared = self.failpoint(name, point, None).await;
        }
        cleared
    }

    /// What breaks and mends edges and topics.
    async fn change(&self, request: &Request, what: impl std::fmt::Display) -> Result<(), Failure> {
        match ask(&mut self.connect().await?, request).await? {
            Reply::Done => Ok(()),
            Reply::Refused { why } => Err(Failure::new(what, why)),
            other => Err(Failure::new("a word that it is done", format_args!("{other:?}"))),
        }
    }

    /// Does it, and waits until it is done. Whom it strikes is drawn from `seed`.
    pub(crate) async fn inflict(&self, fault: &Fault, seed: u64) -> Result<(), Failure> {
        if let Some(between) = fault.between(seed) {
            let what = between.to_string();
            return self.change(&Request::SetFault { fault: between }, what).await;
        }
        match fault {
            Fault::Kill(name) => {
                let before = self.resource(name).await?.pid;
                self.act(Action::Kill, name).await?;
                // A process that is gone has no pid, or another one stands there by then.
                self.until(name, |resource| resource.pid != before).await
            }
            Fault::Stop(name) => {
                self.act(Action::Stop, name).await?;
                let ended = |resource: &Resource| matches!(resource.state.as_str(), "stopped" | "failed" | "completed");
                self.until(name, ended).await
            }
            Fault::Start(name) => {
                self.act(Action::Start, name).await?;
                self.until(name, |resource| resource.ready).await
            }
            Fault::Restart(name) => {
                self.act(Action::Restart, name).await?;
                self.until(name, |resource| resource.ready).await
            }
            Fault::Pause(name) => self.act(Action::Pause, name).await,
            Fault::Resume(name) => self.act(Action::Resume, name).await,
            Fault::Point(point) => self.failpoint(&point.on, &point.at, Some(&point.deed.to_string())).await,
            Fault::Clear(on) => self.clear(on).await,
            Fault::Latency(_)
            | Fault::Reset(_)
            | Fault::Timeout(_)
            | Fault::Refuse(_)
            | Fault::Duplicate(_)
            | Fault::Delay(_)
            | Fault::Reorder(_)
            | Fault::Drop(_)
            | Fault::Poison(_) => Ok(()),
        }
    }

    async fn until(&self, name: &str, is_so: impl Fn(&Resource) -> bool) -> Result<(), Failure> {
        while !is_so(&self.resource(name).await?) {
            sleep(LOOK).await;
        }
        Ok(())
    }

    async fn clear(&self, on: &str) -> Result<(), Failure> {
        let what = format!("a fault on {on}");
        let resources = self.resources().await?;
        match resources.iter().find(|resource| resource.name == on) {
            None => self.change(&Request::ClearFaults { on: Some(on.to_owned()) }, what).await,
            Some(resource) if self.release(resource).await? => Ok(()),
            Some(_) => Err(Failure::new(what, format_args!("nothing is broken on {on}"))),
        }
    }

    /// Lets a resource go on, and has nothing happen at its points any more; answers with whether there was any of that.
    async fn release(&self, resource: &Resource) -> Result<bool, Failure> {
        let name = &resource.name;
        let is_paused = resource.faults.iter().any(|fault| fault == PAUSED);
        // Who stands still hears of nothing.
        if is_paused {
            self.act(Action::Resume, name).await?;
        }
        let points: Vec<&str> = resource.faults.iter().filter_map(|fault| Some(failpoint::told(fault)?.0)).collect();
        for point in &points {
            self.clear_point(name, point).await?;
        }
        Ok(is_paused || !points.is_empty())
    }

    /// Begins to make whole what a story has broken: edges and topics are, nothing happens at any point, who is paused goes
    /// on, who is stopped is started. What cannot be made so keeps nothing else from it.
    pub(crate) async fn mend(&self) -> Result<(), Failure> {
        let mut all = self.change(&Request::ClearFaults { on: None }, "edges and topics that are whole").await;
        for resource in self.resources().await? {
            all = all.and(self.release(&resource).await.map(drop));
            if resource.state == "stopped" {
                all = all.and(self.act(Action::Start, &resource.name).await);
            }
        }
        all
    }

    /// Waits until every resource is ready.
    pub(crate) async fn whole(&self, patience: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + patience;
        loop {
            let resources = self.resources().await?;
            let late: Vec<&Resource> = resources.iter().filter(|resource| !resource.ready).collect();
            if late.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let why = |resource: &&Resource| {
                    let detail = resource.why.last().map(|cause| cause.detail.as_str()).unwrap_or_default();
                    format!("{}: {} {detail}", resource.name, resource.state)
                };
                let late: Vec<String> = late.iter().map(why).collect();
                return Err(Failure::new(format_args!("a whole shop within {patience:?}"), late.join("; ")));
            }
            sleep(LOOK).await;
        }
    }

    /// Keeps what these resources write from now on.
    pub(crate) async fn lines(&self, resources: Vec<String>) -> Result<Lines, Failure> {
        let mut connection = self.connect().await?;
        let watch = Request::Watch { lines: LogFilter::Only(resources), figures: false };
        connection.send(&watch).await.map_err(|error| Failure::new("lines of logs", error))?;
        // With the snapshot the watch has begun.
        let first: Option<Update> = connection.receive().await.map_err(|error| Failure::new("lines of logs", error))?;
        if first.is_none() {
            return Err(Failure::new("lines of logs", "the supervisor is gone"));
        }
        let kept: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let keep = Arc::clone(&kept);
        let reader = tokio::spawn(async move {
            while let Ok(Some(update)) = connection.receive().await {
                if let Update::Line { resource, text, .. } = update {
                    keep.lock().unwrap_or_else(PoisonError::into_inner).push((resource, text));
                }
            }
        });
        Ok(Lines { kept, reader })
    }
}

async fn ask(connection: &mut Connection, request: &Request) -> Result<Reply, Failure> {
    let failed = |error| Failure::new("an answer of the supervisor", error);
    connection.send(request).await.map_err(failed)?;
    let reply: Option<Reply> = connection.receive().await.map_err(failed)?;
    reply.ok_or_else(|| Failure::new("an answer of the supervisor", "the end of the connection"))
}

/// What resources have written since it was asked for.
#[derive(Debug)]
pub(crate) struct Lines {
    kept: Arc<Mutex<Vec<(String, String)>>>,
    reader: JoinHandle<()>,
}

impl Lines {
    pub(crate) fn of(&self, resource: &str) -> Vec<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().filter(|(of, _)| of == resource).map(|(_, line)| line.clone()).collect()
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
