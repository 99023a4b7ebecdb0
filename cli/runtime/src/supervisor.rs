//! The supervisor: the loop that feeds the core's state machine and carries out what it decides.

mod act;
mod effects;
mod failpoints;
mod faults;
mod figures;
mod last;
mod probes;
mod report;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    os::fd::AsFd as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use shopctl_core::{
    Event, Graph, Id, Machine, Manifest,
    machine::{Look, Phase, Reason},
};
use shopctl_protocol::{BootOutcome, Progress, Reply, Request, StopMode, Update};
use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use self::{failpoints::Failpoints, faults::Faults, figures::Figures};
use crate::{
    hub::Hub,
    instance::{self, Instance, Running},
    leftovers::Recorded,
    log::Store,
    plan::Plan,
    probe::Prober,
    proc::Identity,
    process::Process,
    server::{Ask, Server, Watching},
    values::{self, Known},
};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Instance(#[from] instance::Error),
    #[error(transparent)]
    Values(#[from] values::Error),
    #[error(transparent)]
    Manifest(#[from] shopctl_core::manifest::Error),
    #[error(transparent)]
    Graph(#[from] shopctl_core::graph::Error),
    #[error("instance {0} has no ports: it was never prepared")]
    Unprepared(String),
    #[error("cannot {what}: {source}")]
    System { what: &'static str, source: io::Error },
}

/// File of the plan in the state directory.
pub const PLAN: &str = "plan.json";
/// File that says who runs the instance.
pub const RUNNING: &str = "supervisor.json";
/// How long the client that asked for the boot may take to hold the lease.
const LEASE_PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks whether that client still lives, until it holds the lease.
const LEASE_PERIOD: Duration = Duration::from_millis(100);

/// What reaches the loop.
#[derive(Debug)]
enum Input {
    Event(Event),
    Progress(Id, Progress),
    /// What a container's own check says: why it fails, if it does.
    Health(Id, Option<String>),
    /// The first process of a container.
    Process(Id, Identity),
    LogFailed(Id, io::Error),
    LogRecovered(Id),
    /// The time of the fault with this number is over.
    FaultOver(u64),
}

/// Who keeps the instance alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lease {
    /// The client that asked for the boot has not come yet; nothing starts without it.
    Awaited,
    Held(u64),
    /// Nobody has to.
    Released,
}

struct Supervisor {
    instance: Instance,
    plan: Plan,
    manifest: Manifest,
    known: Known,
    machine: Machine,
    begin: Instant,
    hub: Hub,
    store: Store,
    lease: Lease,
    processes: BTreeMap<Id, (Process, Recorded)>,
    /// The last process of each resource, also when it is gone.
    earlier: BTreeMap<Id, Identity>,
    /// When each was started last, counted from `begin`.
    began: BTreeMap<Id, Duration>,
    figures: Figures,
    /// By resource and kind of look, with the run that they belong to.
    probers: BTreeMap<(Id, Look), (u32, Arc<Prober>)>,
    progress: BTreeMap<Id, Progress>,
    /// Containers whose own check fails, and why.
    unhealthy: BTreeMap<Id, String>,
    /// The first process of each container, where it is one of this machine's.
    inside: BTreeMap<Id, Identity>,
    /// Who stands still because somebody wanted it.
    paused: BTreeSet<Id>,
    failpoints: Failpoints,
    /// What is broken between resources.
    faults: Faults,
    /// Whose lines cannot be kept, and why.
    lost_logs: BTreeMap<Id, String>,
    outcome: Option<BootOutcome>,
    inputs: mpsc::UnboundedSender<Input>,
    down: bool,
}

/// Runs the instance with its state in `state` until everything is down. Expects a pipe as stdin that ends with the
/// reaper, and the lock as stdout.
///
/// # Errors
/// When it cannot even begin.
pub async fn run(state: &Path) -> Result<(), Error> {
    // Fails only for a group's leader, which nobody makes us.
    let _ = nix::unistd::setsid();
    let system = |what| move |source| Error::System { what, source };
    let reaper = io::stdin().as_fd().try_clone_to_owned().map_err(system("take over stdin"))?;
    let reaper = pipe::Receiver::from_owned_fd(reaper).map_err(system("watch the reaper"))?;

    let instance = Instance::at(state)?;
    let plan: Plan = instance.load(PLAN)?;
    let manifest = plan.parse()?;
    let record = instance.record()?.ok_or_else(|| Error::Unprepared(instance.name.clone()))?;
    let known = Known::new(&instance, &manifest, record.ports, &plan)?;
    let graph = Graph::new(&manifest, &plan.options())?;

    let (asks, asked) = mpsc::unbounded_channel();
    let (inputs, received) = mpsc::unbounded_channel();
    let runtime_dir = instance.create_runtime_dir()?;
    let socket = runtime_dir.join("control.sock");
    let server = Server::bind(&socket, asks).map_err(system("listen on the control socket"))?;
    let identity = |pid: u32| Identity::of(pid).unwrap_or(Identity { pid, start: 0 });
    instance.save(
        RUNNING,
        &Running {
            supervisor: identity(std::process::id()),
            reaper: identity(nix::unistd::getppid().as_raw().cast_unsigned()),
            run: plan.run.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            socket,
        },
    )?;
    let supervisor = Supervisor {
        store: Store::new(instance.log_dir()),
        machine: Machine::new(graph, rand::random()),
        instance,
        plan,
        manifest,
        known,
        begin: Instant::now(),
        hub: Hub::new(),
        lease: Lease::Awaited,
        processes: BTreeMap::new(),
        earlier: BTreeMap::new(),
        began: BTreeMap::new(),
        figures: Figures::default(),
        probers: BTreeMap::new(),
        progress: BTreeMap::new(),
        unhealthy: BTreeMap::new(),
        inside: BTreeMap::new(),
        paused: BTreeSet::new(),
        failpoints: Failpoints::new(runtime_dir),
        faults: Faults::default(),
        lost_logs: BTreeMap::new(),
        outcome: None,
        inputs,
        down: false,
    };
    supervisor.run(server, asked, received, reaper).await.map_err(system("listen to signals"))
}

impl Supervisor {
    async fn run(
        mut self,
        mut server: Server,
        mut asked: mpsc::UnboundedReceiver<Ask>,
        mut received: mpsc::UnboundedReceiver<Input>,
        mut reaper: pipe::Receiver,
    ) -> io::Result<()> {
        let mut terminated = signal(SignalKind::terminate())?;
        // A terminal's signals are none of our business: our session has no terminal.
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut hung_up = signal(SignalKind::hangup())?;
        let mut reaper_gone = false;
        let mut look = interval(LEASE_PERIOD);
        let mut measure = interval(figures::PERIOD);
        measure.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut byte = [0];
        while !self.down {
            tokio::select! {
                () = server.accept() => {}
                Some(ask) = asked.recv() => self.answer(ask),
                Some(input) = received.recv() => self.take(input),
                _ = terminated.recv() => self.again_or(Reason::Asked),
                _ = interrupted.recv() => {}
                _ = hung_up.recv() => {}
                _ = reaper.read(&mut byte), if !reaper_gone => {
                    reaper_gone = true;
                    self.step(Reason::ReaperLost.into());
                }
                // Where nobody looks, nothing is measured, and nothing wakes up for it.
                _ = measure.tick(), if self.hub.has_watchers_of_figures() => self.measure(),
                _ = look.tick(), if self.lease == Lease::Awaited && self.machine.phase() == Phase::Idle => {
                    let gone = self.plan.client.is_some_and(|client| !client.is_alive());
                    if gone || self.now() > LEASE_PATIENCE {
                        self.step(Reason::LeaseLost.into());
                    }
                }
            }
        }
        self.hub.publish(Update::Down);
        // Watchers see the end of the updates once the last sender is gone.
        drop(self);
        drop(asked);
        server.close().await;
        Ok(())
    }

    /// A first signal stops in order, a second one kills.
    fn again_or(&mut self, reason: Reason) {
        match self.machine.phase() {
            Phase::Stopping { .. } => self.step(Event::Kill),
            Phase::Idle | Phase::Booting | Phase::Up | Phase::Down => self.step(reason.into()),
        }
    }

    fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Event(event) => self.step(self.with_health(event)),
            Input::Health(id, Some(why)) => drop(self.unhealthy.insert(id, why)),
            Input::Health(id, None) => drop(self.unhealthy.remove(&id)),
            Input::Process(id, process) => drop(self.inside.insert(id, process)),
            Input::Progress(id, progress) => {
                let resource = self.name(id).to_owned();
                self.progress.insert(id, progress.clone());
                self.hub.publish(Update::Progress { resource, progress });
            }
            Input::LogFailed(id, error) => {
                tracing::error!(resource = self.name(id), %error, "lines are lost: the log cannot be written");
                self.lost_logs.insert(id, format!("its lines are lost, the log cannot be written: {error}"));
                self.publish(id);
            }
            Input::LogRecovered(id) => {
                tracing::info!(resource = self.name(id), "the log is written again");
                self.lost_logs.remove(&id);
                self.publish(id);
            }
            Input::FaultOver(number) => self.fault_over(number),
        }
    }

    /// Lets the machine decide and does what it says; what that brings about at once is decided next.
    fn step(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            tracing::debug!(?event);
            let before = last::may_be_the_last(&event).then(|| self.machine.clone());
            for effect in self.machine.step(event, self.now()) {
                tracing::debug!(?effect);
                let moment = last::Moment::of(&effect);
                events.extend(self.carry_out(effect));
                if let Some(moment) = moment {
                    self.keep(moment, before.as_ref());
                }
            }
        }
    }

    fn name(&self, id: Id) -> &str {
        &self.machine.graph().node(id).name
    }

    fn answer(&mut self, ask: Ask) {
        // Whoever asked may be gone: then nobody wants the answer.
        match ask {
            Ask::Reply(Request::Failpoint { resource, point, action }, answer) => {
                self.failpoint(&resource, point, action.as_deref(), answer);
            }
            Ask::Reply(Request::SetFault { fault }, answer) => self.set_fault(fault, answer),
            Ask::Reply(Request::ClearFaults { on }, answer) => self.clear_faults(on.as_deref(), answer),
            Ask::Reply(request, answer) => drop(answer.send(self.reply(request))),
            Ask::Watch { lines, figures, answer } => {
                let lines = lines.then(|| self.hub.lines());
                if figures {
                    self.figures.ask();
                }
                let figures = figures.then(|| (self.hub.figures(), self.hub.logged()));
                let changes = self.hub.changes();
                drop(answer.send(Watching { snapshot: self.snapshot(), changes, lines, figures }));
            }
            Ask::Lease(number, answer) => drop(answer.send(self.grant(number))),
            Ask::Release(number, answer) => {
                let reply = if self.lease == Lease::Held(number) {
                    self.lease = Lease::Released;
                    Reply::Done
                } else {
                    Reply::Refused { why: "you do not hold the lease".to_owned() }
                };
                drop(answer.send(reply));
            }
            Ask::Gone(number) if self.lease == Lease::Held(number) => {
                self.lease = Lease::Released;
                self.step(Reason::LeaseLost.into());
            }
            Ask::Gone(_) => {}
        }
    }

    fn grant(&mut self, number: u64) -> Reply {
        match self.lease {
            Lease::Held(_) => return Reply::Refused { why: "another client holds the lease".to_owned() },
            Lease::Awaited | Lease::Released => self.lease = Lease::Held(number),
        }
        self.step(Event::Boot);
        Reply::Done
    }

    fn reply(&mut self, request: Request) -> Reply {
        match request {
            Request::Status => Reply::Status { snapshot: self.snapshot() },
            Request::Why { resource } => match self.machine.graph().find(&resource) {
                Some(id) => Reply::Why { causes: self.causes(id) },
                None => Reply::Refused { why: format!("there is no resource {resource} in this instance") },
            },
            Request::Env { service } => self.environment(service.as_deref()),
            Request::Act { action, resources } => self.act(action, &resources),
            Request::Stop { mode } => {
                self.step(match mode {
                    StopMode::Orderly => Event::Stop(Reason::Asked),
                    StopMode::Kill => Event::Kill,
                });
                Reply::Done
            }
            Request::Hello { .. }
            | Request::Lease
            | Request::Release
            | Request::Failpoint { .. }
            | Request::SetFault { .. }
            | Request::ClearFaults { .. }
            | Request::Watch { .. } => Reply::Refused { why: "this cannot be asked here".to_owned() },
        }
    }
}
