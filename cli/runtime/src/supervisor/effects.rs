//! Carrying out what the machine decides.

use std::{collections::BTreeMap, io, path::PathBuf, time::Duration};

use shopctl_core::{
    Effect, Event, Id,
    machine::{Exit, Outcome, PortTaken, Reason},
};
use shopctl_protocol::{BootOutcome, Progress, Update};
use tokio::{sync::mpsc, time::sleep};

use super::{Input, Supervisor};
use crate::{
    hub::Hub,
    leftovers::{self, Recorded},
    log::Line,
    proc,
    process::{INSTANCE, Observer, Process, RESOURCE, RUN, STATE, Spec},
    values,
};

/// Begins a line of a task that tells how far it is; JSON follows.
const PROGRESS: &[u8] = b"::progress ";

#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Values(#[from] values::Error),
    #[error("cannot open its log: {0}")]
    Log(io::Error),
    #[error("{program}: {source}")]
    Spawn { program: String, source: io::Error },
}

impl Supervisor {
    /// Does it; answers with what has happened at once.
    pub(super) fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Spawn { id, run } => return Some(self.spawn(id, run)),
            Effect::Probe { id, run, after } => self.probe(id, run, after),
            Effect::Signal { id, signal } => {
                if let Some((process, _)) = self.processes.get(&id) {
                    process.signal(signal);
                }
            }
            Effect::Timer { id, epoch, at } => {
                self.later(at.saturating_sub(self.now()), Event::Timer { id, epoch });
            }
            Effect::StartDeadline => self.later(self.plan.timeout, Event::Deadline),
            Effect::Changed(id) => {
                if !self.machine.state(id).is_live() {
                    self.progress.remove(&id);
                    if self.processes.remove(&id).is_some() {
                        self.write_down();
                    }
                }
                let resource = self.resource(id);
                self.hub.publish(Update::Changed { resource });
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

    fn later(&self, delay: Duration, event: Event) {
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            sleep(delay).await;
            let _ = inputs.send(Input::Event(event));
        });
    }

    fn probe(&self, id: Id, run: u32, after: Duration) {
        let resource = &self.manifest.resources[self.name(id)];
        let Some(probe) = resource.probe.clone() else { return };
        let Some(port) = self.known.ports().get(self.name(id), probe.port()) else { return };
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            sleep(after).await;
            let outcome = crate::probe::probe(&probe, port).await;
            let _ = inputs.send(Input::Event(Event::Probed { id, run, outcome }));
        });
    }

    fn spawn(&mut self, id: Id, run: u32) -> Event {
        match self.try_spawn(id, run) {
            Ok(process) => {
                let pid = process.identity.pid;
                let name = self.name(id);
                let recorded = Recorded::new(name, process.identity, &self.manifest.resources[name].stop);
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
        let log = self.store.log(&name).map_err(StartError::Log)?;
        let observer = Sink { id, name: name.clone(), hub: self.hub.clone(), inputs: self.inputs.clone() };
        let inputs = self.inputs.clone();
        let ports = self.known.ports().of(&name);
        let exited = move |exit: Exit| {
            let port = match exit {
                // Whoever was killed has not ended over a port; and to look takes the kernel some milliseconds.
                Exit::Code(0) | Exit::Signal(_) => None,
                Exit::Code(_) => port_taken(&ports),
            };
            let _ = inputs.send(Input::Event(Event::Exited { id, run, exit, port }));
        };
        Process::spawn(&spec, &log, &observer, exited)
            .map_err(|source| StartError::Spawn { program: spec.program.display().to_string(), source })
    }

    fn spec(&self, name: &str) -> Result<Spec, StartError> {
        let resource = &self.manifest.resources[name];
        let mut environment = self.known.environment(&self.manifest, name, &self.plan.environment)?;
        let state = self.instance.state_dir().display().to_string();
        let markers = [
            (STATE, state),
            (INSTANCE, self.instance.name.clone()),
            (RUN, self.plan.run.clone()),
            (RESOURCE, name.to_owned()),
        ];
        environment.extend(markers.clone().map(|(key, value)| (key.to_owned(), value)));
        let mut command = Vec::new();
        for template in &resource.command {
            command.push(self.known.fill(name, template)?);
        }
        let mut words = command.into_iter();
        let program = self.program(&words.next().unwrap_or_default());
        Ok(Spec {
            program,
            arguments: words.collect(),
            dir: self.plan.workspace.join(&resource.dir),
            environment,
            signals_to: resource.stop.to,
            markers: markers.into_iter().map(|(key, value)| format!("{key}={value}")).collect(),
        })
    }

    fn program(&self, word: &str) -> PathBuf {
        match word.strip_prefix("@bin/") {
            Some(name) => self.plan.bin_dir.join(name),
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

fn stop_reason(reason: Reason) -> &'static str {
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
}

impl Observer for Sink {
    fn divert(&mut self, line: &[u8]) -> bool {
        let Some(json) = line.strip_prefix(PROGRESS) else { return false };
        let Ok(progress) = serde_json::from_slice::<Progress>(json) else { return false };
        self.inputs.send(Input::Progress(self.id, progress)).is_ok()
    }

    fn lines(&mut self, lines: Vec<Line>) {
        self.hub.publish_lines(&self.name, lines);
    }

    fn log_failed(&mut self, error: io::Error) {
        let _ = self.inputs.send(Input::LogFailed(self.id, error));
    }
}
