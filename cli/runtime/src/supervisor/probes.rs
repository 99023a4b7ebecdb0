//! The supervisor's probes: which check a resource's process is looked at with, and when.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use shopctl_core::{
    Event, Id,
    machine::Look,
    manifest::{self, Probe},
};
use tokio::time::sleep;

use super::{Input, Supervisor, effects::Command};
use crate::probe::{Check, Prober};

impl Supervisor {
    /// Looks once, after a delay; the answer comes as an event.
    pub(super) fn probe(&mut self, id: Id, run: u32, look: Look, after: Duration) {
        let prober = match self.prober(id, run, look) {
            Ok(Some(prober)) => prober,
            Ok(None) => return,
            Err(error) => {
                let event = Event::Probed { id, run, look, outcome: Err(error) };
                return self.later(after.max(Duration::from_secs(1)), event);
            }
        };
        let inputs = self.inputs.clone();
        // Whoever only waits for the next look holds no connection open.
        let prober = Arc::downgrade(&prober);
        tokio::spawn(async move {
            sleep(after).await;
            let Some(prober) = prober.upgrade() else { return };
            let outcome = prober.probe().await;
            let _ = inputs.send(Input::Event(Event::Probed { id, run, look, outcome }));
        });
    }

    /// Ready is a container only if its own check does not fail either.
    pub(super) fn with_health(&self, event: Event) -> Event {
        match event {
            Event::Probed { id, run, look: look @ Look::Readiness, outcome: Ok(()) } => {
                let why = self.unhealthy.get(&id).map(|why| format!("the healthcheck in the container fails: {why}"));
                Event::Probed { id, run, look, outcome: why.map_or(Ok(()), Err) }
            }
            event => event,
        }
    }

    /// Makes the prober before the process: its first line may come before the first look, and counts.
    pub(super) fn expect_lines(&mut self, id: Id, run: u32) {
        // What is wrong with the probe is told when it looks.
        let _ = self.prober(id, run, Look::Readiness);
    }

    /// The one of this very process; what an earlier one was looked at with is of no use any more.
    fn prober(&mut self, id: Id, run: u32, look: Look) -> Result<Option<Arc<Prober>>, String> {
        if let Some((of, prober)) = self.probers.get(&(id, look))
            && *of == run
        {
            return Ok(Some(prober.clone()));
        }
        let name = self.name(id).to_owned();
        let resource = &self.manifest.resources[&name];
        let probe = match look {
            Look::Readiness => &resource.probe,
            Look::Liveness => &resource.liveness,
        };
        let Some(Probe { check, rhythm }) = probe else { return Ok(None) };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let check = self.check(&name, check)?;
        let prober = Arc::new(Prober::new(check, *rhythm, u64::try_from(since).unwrap_or(u64::MAX)));
        self.probers.insert((id, look), (run, prober.clone()));
        Ok(Some(prober))
    }

    fn check(&self, name: &str, check: &manifest::Check) -> Result<Check, String> {
        let port = |port: &str| {
            let number = self.known.ports().get(name, port);
            number.ok_or_else(|| format!("{name} has no port {port} in this instance"))
        };
        Ok(match check {
            manifest::Check::Tcp { port: name } => Check::Tcp { port: port(name)? },
            manifest::Check::Http { port: of, path, login } => {
                let login = login.as_ref().map(|login| self.known.fill(name, login)).transpose();
                Check::Http { port: port(of)?, path: path.clone(), login: login.map_err(|error| error.to_string())? }
            }
            manifest::Check::Grpc { port: name, service } => {
                Check::Grpc { port: port(name)?, service: service.clone() }
            }
            manifest::Check::Postgres { port: name } => Check::Postgres { port: port(name)? },
            manifest::Check::Kafka { port: name } => Check::Kafka { port: port(name)? },
            manifest::Check::Log { line } => {
                Check::Log { dir: self.instance.log_dir(), resource: name.to_owned(), line: line.clone() }
            }
            manifest::Check::Exec { command } => {
                let Command { program, arguments, dir, environment } =
                    self.command(name, command).map_err(|error| error.to_string())?;
                Check::Exec { program, arguments, dir, environment }
            }
        })
    }
}
