//! The containers of an instance: what `compose/infra.yaml` says of them, and the instance's share of the daemon.

use std::collections::BTreeMap;

use shopctl_docker::{
    Daemon, Error,
    compose::{self, Service},
    image::Credentials,
    project::Project,
};
use shopctl_runtime::{Instance, plan::Compose};

use crate::exit::{Exit, Failure};

/// Beside the manifest.
pub(crate) const FILE: &str = "infra.yaml";

/// What the file says in the environment of this process, with the images that were asked for.
pub(crate) fn services(compose: &Compose) -> Result<BTreeMap<String, Service>, Failure> {
    let name = compose.file.display().to_string();
    let mut services = compose::parse(&name, &compose.text, variable).map_err(refused)?.services;
    for (resource, image) in &compose.images {
        let Some(service) = services.get_mut(resource) else {
            let known: Vec<&str> = services.keys().map(String::as_str).collect();
            let message = format!("--image {resource}={image}: {name} has no service {resource}");
            return Err(Failure::new(Exit::Usage, message).hint(format!("it has {}", known.join(", "))));
        };
        service.image.clone_from(image);
    }
    Ok(services)
}

/// The user's, for pulls.
pub(crate) fn credentials() -> Credentials {
    Credentials::from_lookup(variable)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn refused(error: compose::Error) -> Failure {
    let failure = Failure::new(Exit::Usage, error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The instance's share of the daemon that the environment leads to.
pub(crate) async fn project(instance: &Instance) -> Result<Project, Failure> {
    Ok(Project::new(Daemon::from_environment().await.map_err(failed)?, &instance.name, instance.state_dir()))
}

/// The failure that an error of Docker's is for the user.
pub(crate) fn failed(error: Error) -> Failure {
    let exit = match error {
        Error::PortTaken { .. } | Error::Foreign { .. } => Exit::Conflict,
        _ => Exit::Resource,
    };
    let failure = Failure::new(exit, error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
