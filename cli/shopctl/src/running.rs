//! From what was typed to the workspace, the instance and its supervisor.

use shopctl_core::Manifest;
use shopctl_protocol::BootOutcome;
use shopctl_runtime::{
    Client, Instance, Workspace, client,
    instance::{End, Last},
    plan::Plan,
    process,
    supervisor::PLAN,
};

use crate::{
    args::Global,
    exit::{Exit, Failure},
    lines::harmless,
};

/// The workspace around the current directory.
pub(crate) fn workspace(global: &Global) -> anyhow::Result<Workspace> {
    Ok(Workspace::find(global.manifest.as_deref())?)
}

/// The instance that is meant: by name and workspace, or the very one that this process belongs to.
pub(crate) fn instance(global: &Global) -> anyhow::Result<Instance> {
    if let Some(state) = std::env::var_os(process::STATE) {
        let around = Instance::at(state.as_ref())?;
        if around.name == global.instance {
            return Ok(around);
        }
    }
    Ok(Instance::of(&workspace(global)?, &global.instance)?)
}

/// A connection to its supervisor.
pub(crate) async fn connect(global: &Global) -> anyhow::Result<Client> {
    let instance = instance(global)?;
    Client::connect(&instance).await.map_err(|error| match error {
        client::Error::NotRunning(_) => ended(&instance).into(),
        error => error.into(),
    })
}

/// What a running instance was told to run: the plan of its boot, and the manifest in it.
pub(crate) fn plan(instance: &Instance) -> anyhow::Result<(Plan, Manifest)> {
    let plan: Plan = instance.load(PLAN)?;
    let manifest = plan.parse()?;
    Ok((plan, manifest))
}

/// A name that the instance does not have among `known`.
pub(crate) fn unknown<'a>(name: &str, known: impl IntoIterator<Item = &'a String>) -> Failure {
    let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
    Failure::new(Exit::Usage, format!("there is no resource {name} in this instance"))
        .hint(format!("there are {}", known.join(", ")))
}

/// What the user may do about an instance that does not run.
pub(crate) fn not_running(name: &str) -> Failure {
    Failure::new(Exit::NotRunning, client::Error::NotRunning(name.to_owned()).to_string()).hint(NOT_RUNNING)
}

/// The same, and how it ended if nobody wanted that.
pub(crate) fn ended(instance: &Instance) -> Failure {
    let failure = not_running(&instance.name);
    let last = Last::of(instance);
    let told = match last.as_ref().map(Last::end) {
        Some(End::BootFailed(BootOutcome::Failed { resource, why, .. })) => {
            format!("its last boot failed: {resource} {}; `shopctl why {resource}` tells more", harmless(why))
        }
        Some(End::BootFailed(BootOutcome::PortTaken { resource, why, .. })) => {
            format!("its last boot failed: {resource}: {}", harmless(why))
        }
        Some(End::BootFailed(BootOutcome::TimedOut { waiting })) => {
            let names: Vec<&str> = waiting.iter().map(|cause| cause.resource.as_str()).collect();
            format!("its last boot timed out: {} not ready; `shopctl why RESOURCE` tells more", names.join(", "))
        }
        Some(End::Killed) => "its supervisor was killed".to_owned(),
        Some(End::BootFailed(BootOutcome::Ready | BootOutcome::Interrupted { .. }) | End::Stopped(_)) | None => {
            return failure;
        }
    };
    failure.hint(format!("{told}; {NOT_RUNNING}"))
}

pub(crate) const NOT_RUNNING: &str = "`shopctl up` starts it; `shopctl ps` lists what there is";

/// A name that no resource has.
pub(crate) fn no_resource<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Failure {
    let known: Vec<&str> = known.map(String::as_str).collect();
    Failure::new(Exit::Usage, format!("there is no resource {name} in this instance; there are {}", known.join(", ")))
}
