//! What the supervisor says about itself and its resources.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use shopctl_core::{
    Id,
    graph::Role,
    machine::{self, Failure, State},
};
use shopctl_protocol::{BootOutcome, Cause, Phase, Reply, Resource, Snapshot};

use super::Supervisor;

/// Last lines shown with a cause.
const LINES: usize = 10;

impl Supervisor {
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            instance: self.instance.name.clone(),
            workspace: self.plan.workspace.display().to_string(),
            phase: match self.machine.phase() {
                machine::Phase::Idle | machine::Phase::Booting => Phase::Booting,
                machine::Phase::Up => Phase::Up,
                machine::Phase::Stopping { .. } => Phase::Stopping,
                machine::Phase::Down => Phase::Down,
            },
            supervisor: shopctl_protocol::Supervisor {
                pid: std::process::id(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                run: self.plan.run.clone(),
                uptime: self.now().as_secs_f64(),
            },
            resources: self.machine.graph().ids().map(|id| self.resource(id)).collect(),
            faults: self.faults.now(self.now()),
            outcome: self.outcome.clone(),
        }
    }

    pub(super) fn resource(&self, id: Id) -> Resource {
        let (node, state) = (self.machine.graph().node(id), self.machine.state(id));
        Resource {
            name: node.name.clone(),
            kind: node.kind.as_str().to_owned(),
            state: state.label().to_owned(),
            ready: state.is_ready(),
            external: self.machine.role(id) == Role::External,
            pid: state.pid(),
            ports: self.known.ports().of(&node.name),
            began: self.began.get(&id).map(Duration::as_secs_f64),
            took: match state {
                State::Ready { took, .. } | State::Completed { took } => Some(took.as_secs_f64()),
                State::Pending
                | State::Starting { .. }
                | State::Unready { .. }
                | State::BackingOff { .. }
                | State::Draining { .. }
                | State::Stopped { .. }
                | State::Failed { .. } => None,
            },
            uptime: match state {
                State::Ready { since, .. } => Some(self.now().saturating_sub(*since).as_secs_f64()),
                State::Pending
                | State::Starting { .. }
                | State::Unready { .. }
                | State::BackingOff { .. }
                | State::Draining { .. }
                | State::Completed { .. }
                | State::Stopped { .. }
                | State::Failed { .. } => None,
            },
            failures: self.machine.failures(id),
            restarts: self.machine.restarts(id),
            log_error: self.lost_logs.get(&id).cloned(),
            progress: self.progress.get(&id).cloned(),
            faults: self.told_faults(id),
            why: if state.is_ready() { Vec::new() } else { self.causes(id) },
        }
    }

    /// The chain from a resource to the root of why it is not ready.
    pub(super) fn causes(&self, id: Id) -> Vec<Cause> {
        let chain = self.machine.explain(id, self.now());
        let last = chain.len().saturating_sub(1);
        chain.into_iter().enumerate().map(|(index, cause)| self.cause(cause, index == last)).collect()
    }

    fn cause(&self, cause: machine::Cause, is_root: bool) -> Cause {
        let resource = self.name(cause.id).to_owned();
        let ready = self.machine.state(cause.id).is_ready();
        let lines = if is_root && !ready { self.store.tail(&resource, LINES) } else { Vec::new() };
        Cause { resource, detail: cause.detail, lines }
    }

    pub(super) fn failed(&self, id: Id, failure: &Failure) -> BootOutcome {
        let (resource, why) = (self.name(id).to_owned(), failure.to_string());
        match failure {
            Failure::PortTaken(taken) => BootOutcome::PortTaken { resource, port: taken.port, why },
            Failure::Exited(_) | Failure::CrashLoop { .. } | Failure::NotSpawned(_) => {
                BootOutcome::Failed { causes: self.causes(id), resource, why }
            }
        }
    }

    /// The ends of some chains, each once.
    pub(super) fn roots(&self, chains: &[Vec<machine::Cause>]) -> Vec<Cause> {
        let mut seen = BTreeSet::new();
        let roots = chains.iter().filter_map(|chain| chain.last());
        let roots = roots.filter(|cause| seen.insert(cause.id));
        roots.map(|cause| self.cause(cause.clone(), true)).collect()
    }

    pub(super) fn environment(&self, service: Option<&str>) -> Reply {
        let text = |(key, value): (&String, &String)| (key.clone(), value.clone().into());
        let Some(service) = service else {
            let mut values: BTreeMap<_, _> = self.known.addresses().iter().map(text).collect();
            // Scripts find the name also where nothing receives telemetry.
            values.entry("otlp".to_owned()).or_insert(serde_json::Value::Null);
            return Reply::Env { values };
        };
        if !self.manifest.resources.contains_key(service) {
            return Reply::Refused { why: format!("there is no resource {service} in the manifest") };
        }
        match self.known.environment(&self.manifest, service, &self.plan.environment) {
            Ok(variables) => Reply::Env { values: variables.iter().map(text).collect() },
            Err(error) => Reply::Refused { why: error.to_string() },
        }
    }
}
