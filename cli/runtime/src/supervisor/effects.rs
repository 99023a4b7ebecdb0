//! Carrying out what the machine decides.

use std::{collections::BTreeMap, io, path::PathBuf, time::Duration};

use shopctl_core::{
    Effect, Event, Id,
    machine::{Exit, Outcome, Phase, PortTaken, Reason, State},
    manifest::{Kind, PROXY, Signal, Template},
};
use shopctl_protocol::{BootOutcome, Progress, Update};
use tokio::{sync::mpsc, time::sleep};

use super::{Input, Supervisor};
use crate::{
    hub::Hub,
    leftovers::{self, Recorded},
    log::Header,
    proc::{self, Identity},
    process::{self, INSTANCE, Observer, Process, RESOURCE, RUN, STATE, Spec},
    values,
};

/// Begins a line that is meant for the supervisor, not for the log.
const MARK: &[u8] = b"::";
/// Of a task: how far it is; JSON follows.
const PROGRESS: &[u8] = b"::progress ";
/// Of whoever attends to a container: its own check fails (what it said follows), and holds again.
const UNHEALTHY: &[u8] = b"::unhealthy ";
const HEALTHY: &[u8] = b"::healthy";
/// And whose processes it stands for: those of this one.
const PROCESS: &[u8] = b"::process ";

/// How whoever attends to a container ends if something of somebody else's is in its way.
const CONFLICT: i32 = 5;

/// Tells who attends to a container to go without stopping it.
const LEAVE: Signal = Signal::Hup;

#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Values(#[from] values::Error),
    #[error("cannot open its log: {0}")]
    Log(io::Error),
    #[error("{program}: {source}")]
    Spawn { program: String, source: io::Error },
}

/// What to run, as the system wants it.
pub(super) struct Command {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) dir: PathBuf,
    pub(super) environment: BTreeMap<String, String>,
}

impl Supervisor {
    /// Does it; answers with what has happened at once.
    pub(super) fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Spawn { id, run } => return Some(self.spawn(id, run)),
            Effect::Probe { id, run, look, after } => self.probe(id, run, look, after),
            Effect::Signal { id, signal } => {
                if let Some((process, _)) = self.processes.get(&id) {
                    self.paused.remove(&id);
                    let all = matches!(self.machine.phase(), Phase::Stopping { .. });
                    process.signal(if all && self.keeps(id) { LEAVE } else { signal });
                }
            }
            Effect::Timer { id, epoch, at } => {
                self.later(at.saturating_sub(self.now()), Event::Timer { id, epoch });
            }
            Effect::StartDeadline => self.later(self.plan.timeout, Event::Deadline),
            Effect::Changed(id) => {
                if let State::Starting { since, .. } = self.machine.state(id) {
                    self.began.insert(id, *since);
                }
                if !self.machine.state(id).is_probed() {
                    // With their connections, which a service that drains would wait for.
                    self.probers.retain(|(of, _), _| *of != id);
                }
                if !self.machine.state(id).is_live() {
                    self.unhealthy.remove(&id);
                    self.inside.remove(&id);
                    self.progress.remove(&id);
                    self.paused.remove(&id);
                    if self.processes.remove(&id).is_some() {
                        self.count_death(id);
                        self.write_down();
                    }
                }
                if self.machine.state(id).is_ready() && self.name(id) == PROXY {
                    self.remind_proxy();
                }
                self.publish(id);
            }
            Effect::Booted(outcome) => {
                let outcome = self.boot_outcome(outcome);
                tracing::info!(?outcome, "the boot is over");
                self.outcome = Some(outcome.clone());
                self.hub.publish(Update::Booted { outcome });
            }
            Effect::Stopping(reason) => {
                let why = stop_reason(reason).to_owned();
                tracing::info!(%why, "stopping");
                self.hub.publish(Update::Stopping { why, asked: reason == Reason::Asked });
            }
            Effect::Down => self.down = true,
        }
        None
    }

    /// Whether it outlives the instance.
    fn keeps(&self, id: Id) -> bool {
        self.plan.keep_infra && self.machine.graph().node(id).kind == Kind::Container
    }

    /// Tells watchers how a resource is now.
    pub(super) fn publish(&self, id: Id) {
        let resource = self.resource(id);
        self.hub.publish(Update::Changed { resource });
    }

    pub(super) fn later(&self, delay: Duration, event: Event) {
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            sleep(delay).await;
            let _ = inputs.send(Input::Event(event));
        });
    }

    fn spawn(&mut self, id: Id, run: u32) -> Event {
        self.expect_lines(id, run);
        match self.try_spawn(id, run) {
            Ok(process) => {
                let pid = process.identity.pid;
                let name = self.name(id);
                let mut stop = self.manifest.resources[name].stop.clone();
                if self.keeps(id) {
                    stop.signals = vec![LEAVE];
                }
                let recorded = Recorded::new(name, process.identity, &stop);
                self.earlier.insert(id, process.identity);
                self.processes.insert(id, (process, recorded));
                self.write_down();
                Event::Spawned { id, run, pid }
            }
            Err(error) => Event::NotSpawned { id, run, why: error.to_string() },
        }
    }

    fn try_spawn(&self, id: Id, run: u32) -> Result<Process, StartError> {
        let name = self.name(id).to_owned();
        let spec = self.spec(&name)?;
        if let Some(&earlier) = self.earlier.get(&id) {
            process::end_left_by(earlier, &spec.markers);
        }
        let log = self.store.log(&name).map_err(StartError::Log)?;
        let has_health = self.machine.graph().node(id).kind == Kind::Container;
        let observer = Sink { id, name: name.clone(), hub: self.hub.clone(), inputs: self.inputs.clone(), has_health };
        let inputs = self.inputs.clone();
        let ports = self.known.ports().of(&name);
        let exited = move |exit: Exit| {
            let port = match exit {
                // Whoever was killed has not ended over a port; and to look takes the kernel some milliseconds.
                Exit::Code(0) | Exit::Signal(_) => None,
                // A container may go on without whoever attended to it: then its port is its own.
                Exit::Code(code) if has_health && code != CONFLICT => None,
                Exit::Code(_) => port_taken(&ports),
            };
            let _ = inputs.send(Input::Event(Event::Exited { id, run, exit, port }));
        };
        Process::spawn(&spec, &log, &observer, exited)
            .map_err(|source| StartError::Spawn { program: spec.program.display().to_string(), source })
    }

    fn spec(&self, name: &str) -> Result<Spec, StartError> {
        let resource = &self.manifest.resources[name];
        let Command { program, arguments, dir, mut environment } = self.command(name, &resource.command)?;
        environment.extend(self.failpoint_environment(name));
        let markers = self.markers(name).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        Ok(Spec { program, arguments, dir, environment, signals_to: resource.stop.to, markers })
    }

    /// A command of a resource (its own, or its probe's) with everything filled in.
    pub(super) fn command(&self, name: &str, words: &[Template]) -> Result<Command, values::Error> {
        let mut environment = self.known.environment(&self.manifest, name, &self.plan.environment)?;
        environment.extend(self.markers(name).map(|(key, value)| (key.to_owned(), value)));
        let mut filled = words.iter().map(|word| self.known.fill(name, word));
        let program = self.program(&filled.next().transpose()?.unwrap_or_default());
        let dir = self.plan.workspace.join(&self.manifest.resources[name].dir);
        Ok(Command { program, arguments: filled.collect::<Result<_, _>>()?, dir, environment })
    }

    /// What tells whose a process is.
    fn markers(&self, name: &str) -> [(&'static str, String); 4] {
        [
            (STATE, self.instance.state_dir().display().to_string()),
            (INSTANCE, self.instance.name.clone()),
            (RUN, self.plan.run.clone()),
            (RESOURCE, name.to_owned()),
        ]
    }

    pub(super) fn program(&self, word: &str) -> PathBuf {
        match word.strip_prefix("@bin/") {
            Some(name) => self.plan.binary(name),
            None if word == "@shopctl" => self.plan.shopctl.clone(),
            None => PathBuf::from(word),
        }
    }

    /// Keeps the list of what runs where the reaper finds it.
    fn write_down(&self) {
        let all: Vec<&Recorded> = self.processes.values().map(|(_, recorded)| recorded).collect();
        if let Err(error) = self.instance.save(leftovers::FILE, &all) {
            tracing::error!(%error, "the list of processes cannot be written");
        }
    }

    fn boot_outcome(&self, outcome: Outcome) -> BootOutcome {
        match outcome {
            Outcome::Ready => BootOutcome::Ready,
            Outcome::Failed { id, failure } => self.failed(id, &failure),
            Outcome::TimedOut { chains } => BootOutcome::TimedOut { waiting: self.roots(&chains) },
            Outcome::Interrupted => BootOutcome::Interrupted { why: "it was stopped".to_owned() },
        }
    }
}

pub(super) fn stop_reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Asked => "asked to stop",
        Reason::LeaseLost => "the `up` that it belonged to is gone",
        Reason::ReaperLost => "its reaper is gone",
        Reason::BootFailed => "the boot failed",
    }
}

/// The first of a resource's ports on which somebody listens although the resource is gone.
fn port_taken(ports: &BTreeMap<String, u16>) -> Option<PortTaken> {
    ports.values().find_map(|&port| {
        let holder = proc::listener(port)?.to_string();
        Some(PortTaken { port, holder })
    })
}

/// Brings what a process writes to the hub and the loop.
#[derive(Clone)]
struct Sink {
    id: Id,
    name: String,
    hub: Hub,
    inputs: mpsc::UnboundedSender<Input>,
    /// What it says about health counts.
    has_health: bool,
}

impl Observer for Sink {
    const MARK: &'static [u8] = MARK;

    fn divert(&mut self, line: &[u8]) -> bool {
        let input = if let Some(json) = line.strip_prefix(PROGRESS) {
            let Ok(progress) = serde_json::from_slice::<Progress>(json) else { return false };
            Input::Progress(self.id, progress)
        } else if !self.has_health {
            return false;
        } else if let Some(why) = line.strip_prefix(UNHEALTHY) {
            Input::Health(self.id, Some(String::from_utf8_lossy(why).into_owned()))
        } else if line == HEALTHY {
            Input::Health(self.id, None)
        } else if let Some(pid) = line.strip_prefix(PROCESS) {
            let process = str::from_utf8(pid).ok().and_then(|pid| pid.parse().ok()).and_then(Identity::of);
            let Some(process) = process else { return false };
            Input::Process(self.id, process)
        } else {
            return false;
        };
        self.inputs.send(input).is_ok()
    }

    fn is_watched(&self) -> bool {
        self.hub.has_readers()
    }

    fn seen(&mut self, header: &Header, body: &[u8]) {
        self.hub.publish_lines(&self.name, header, body);
    }

    fn log_failed(&mut self, error: io::Error) {
        let _ = self.inputs.send(Input::LogFailed(self.id, error));
    }

    fn log_recovered(&mut self) {
        let _ = self.inputs.send(Input::LogRecovered(self.id));
    }
}
