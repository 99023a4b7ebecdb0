//! `shopctl wait`: until resources are ready.

use std::collections::BTreeMap;

use shopctl_protocol::{BootOutcome, LogFilter, Phase, Resource, Snapshot, Update};
use tokio::time::{Instant, timeout_at};

use crate::{
    args::{Global, Wait},
    exit::{Exit, Failure},
    lines::harmless,
    running,
};

pub(crate) async fn run(global: &Global, args: &Wait) -> anyhow::Result<Exit> {
    let deadline = Instant::now() + args.timeout;
    let instance = running::instance(global)?;
    let mut watch = running::connect(global).await?.watch(LogFilter::None).await?;
    let mut waiting = Waiting { wanted: &args.resources, resources: BTreeMap::new() };
    loop {
        let update = match timeout_at(deadline, watch.next()).await {
            Ok(update) => update?.ok_or_else(|| running::not_running(&instance.name))?,
            Err(_) => return Err(waiting.timed_out(args).into()),
        };
        match update {
            Update::Snapshot { snapshot } => waiting.begin(snapshot)?,
            Update::Changed { resource } => drop(waiting.resources.insert(resource.name.clone(), resource)),
            Update::Booted { outcome } => failure(&outcome).map_or(Ok(()), Err)?,
            Update::Stopping { .. } | Update::Down => return Err(running::not_running(&instance.name).into()),
            Update::Progress { .. }
            | Update::Line { .. }
            | Update::Figures { .. }
            | Update::Logged
            | Update::Missed { .. } => {}
        }
        if let Some(failed) = waiting.of_interest().find(|resource| resource.state == "failed") {
            return Err(Failure::new(Exit::Resource, format!("{}: {}", failed.name, detail(failed)))
                .hint(format!("`shopctl logs {}` shows what it said", failed.name))
                .into());
        }
        if waiting.of_interest().all(|resource| resource.ready) {
            return Ok(Exit::Success);
        }
    }
}

struct Waiting<'a> {
    /// All if empty.
    wanted: &'a [String],
    resources: BTreeMap<String, Resource>,
}

impl Waiting<'_> {
    fn begin(&mut self, snapshot: Snapshot) -> Result<(), Failure> {
        if snapshot.phase == Phase::Stopping {
            return Err(snapshot
                .outcome
                .as_ref()
                .and_then(failure)
                .unwrap_or_else(|| running::not_running(&snapshot.instance)));
        }
        self.resources = snapshot.resources.into_iter().map(|resource| (resource.name.clone(), resource)).collect();
        match self.wanted.iter().find(|name| !self.resources.contains_key(*name)) {
            Some(name) => Err(Failure::new(Exit::Usage, format!("there is no resource {name} in this instance"))),
            None => Ok(()),
        }
    }

    fn of_interest(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values().filter(|resource| self.wanted.is_empty() || self.wanted.contains(&resource.name))
    }

    fn timed_out(&self, args: &Wait) -> Failure {
        let late: Vec<&Resource> = self.of_interest().filter(|resource| !resource.ready).collect();
        let names: Vec<&str> = late.iter().map(|resource| resource.name.as_str()).collect();
        let message = format!("not ready after {}: {}", humantime::format_duration(args.timeout), names.join(", "));
        let failure = Failure::new(Exit::TimedOut, message);
        match late.first() {
            Some(resource) => failure.hint(format!("`shopctl why {}` tells why", resource.name)),
            None => failure,
        }
    }
}

fn detail(resource: &Resource) -> String {
    resource.why.last().map_or_else(|| resource.state.clone(), |cause| harmless(&cause.detail).into_owned())
}

/// How a boot that did not succeed ends those who wait for it.
fn failure(outcome: &BootOutcome) -> Option<Failure> {
    match outcome {
        BootOutcome::Ready => None,
        BootOutcome::Failed { resource, why, .. } => {
            Some(Failure::new(Exit::Resource, format!("the boot failed: {resource} {}", harmless(why))))
        }
        BootOutcome::PortTaken { resource, why, .. } => {
            Some(Failure::new(Exit::Conflict, format!("the boot failed: {resource}: {}", harmless(why))))
        }
        BootOutcome::TimedOut { .. } => Some(Failure::new(Exit::TimedOut, "the boot timed out")),
        BootOutcome::Interrupted { why } => Some(Failure::new(Exit::NotRunning, format!("the boot was ended: {why}"))),
    }
}
