//! From what was typed to the workspace, the instance and its supervisor.

use shopctl_runtime::{Client, Instance, Workspace, client, process};

use crate::{
    args::Global,
    exit::{Exit, Failure},
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
    Ok(Client::connect(&instance(global)?).await?)
}

/// What the user may do about an instance that does not run.
pub(crate) fn not_running(name: &str) -> Failure {
    Failure::new(Exit::NotRunning, client::Error::NotRunning(name.to_owned()).to_string()).hint(NOT_RUNNING)
}

pub(crate) const NOT_RUNNING: &str = "`shopctl up` starts it; `shopctl ps` lists what there is";

/// A name that no resource has.
pub(crate) fn no_resource<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Failure {
    let known: Vec<&str> = known.map(String::as_str).collect();
    Failure::new(Exit::Usage, format!("there is no resource {name} in this instance; there are {}", known.join(", ")))
}
