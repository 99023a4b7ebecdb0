//! Where databases and Kafka are to run: as the instance's data say, as it was asked for, or where it works.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use anyhow::Context as _;
use shopctl_core::manifest::{Infra, Kind};
use shopctl_docker::{
    Daemon,
    compose::Service,
    image,
    project::{Project, publisher},
};
use shopctl_runtime::{Instance, Workspace, launch, plan::Compose, ports};

use crate::{
    args::{Up, boot::Choice},
    containers,
    exit::{Exit, Failure},
    printer,
};

/// For a registry to say whether it has an image.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) struct Chosen {
    pub(super) infra: Infra,
    /// With Docker.
    pub(super) compose: Option<Compose>,
    /// Resources whose containers run already.
    pub(super) kept: Vec<String>,
}

/// What containers take: their description, and a daemon that answers.
struct Docker {
    compose: Compose,
    services: BTreeMap<String, Service>,
    daemon: Daemon,
}

/// Decides, and tells in one line what and why.
pub(super) async fn choose(workspace: &Workspace, instance: &Instance, args: &Up) -> anyhow::Result<Chosen> {
    // What is damaged is told by whoever needs it.
    let kept = instance.record().ok().flatten().map(|record| record.infra);
    let (docker, why) = match (args.boot.infra, kept) {
        (Choice::Docker, Some(Infra::Embedded)) => return Err(other_data(instance, Infra::Embedded).into()),
        (Choice::Embedded, Some(Infra::Docker)) => {
            if !gave_up(instance).await? {
                return Err(other_data(instance, Infra::Docker).into());
            }
            (None, String::new())
        }
        (Choice::Auto | Choice::Docker, Some(Infra::Docker)) => {
            (Some(insisted(workspace, args).await?), "as this instance's data are there".to_owned())
        }
        (Choice::Auto, Some(Infra::Embedded)) => (None, "as this instance's data are".to_owned()),
        (Choice::Docker, None) => (Some(insisted(workspace, args).await?), "as asked for".to_owned()),
        (Choice::Embedded, Some(Infra::Embedded) | None) => (None, String::new()),
        (Choice::Auto, None) => match reachable(workspace, args).await? {
            Ok((docker, why)) => (Some(docker), why),
            Err(why) => (None, why),
        },
    };
    let Some(Docker { compose, services, daemon }) = docker else {
        if let Some(image) = args.images.first() {
            let message = format!("--image {}={}: nothing runs in a container", image.resource, image.image);
            return Err(Failure::new(Exit::Usage, message).hint("`--infra docker` insists on containers").into());
        }
        if !why.is_empty() {
            printer::note(format_args!("infrastructure: embedded, as processes of this machine ({why})"));
        }
        return Ok(Chosen { infra: Infra::Embedded, compose: None, kept: Vec::new() });
    };
    let (version, endpoint) = (daemon.version(), daemon.endpoint());
    printer::note(format_args!("infrastructure: {version} at {} ({}), {why}", endpoint.url, endpoint.why));
    let project = Project::new(daemon, &instance.name, instance.state_dir());
    let things = project.claim(&services).await.map_err(containers::failed)?;
    // The ports of these are taken, and rightly so.
    let running = things.containers.into_iter().filter(|thing| thing.running).filter_map(|thing| thing.resource);
    Ok(Chosen { infra: Infra::Docker, compose: Some(compose), kept: running.collect() })
}

/// Names the container that has a port, where one does: the process that listens is Docker's own, or another user's.
pub(super) async fn explained(error: launch::Error) -> launch::Error {
    let launch::Error::Ports { source: ports::Error::Taken { resource, mut taken }, remembered } = error else {
        return error;
    };
    if let Ok(daemon) = Daemon::from_environment().await
        && let Some(container) = publisher(&daemon, taken.port).await
    {
        taken.holder = format!("the container {container}");
    }
    launch::Error::Ports { source: ports::Error::Taken { resource, taken }, remembered }
}

/// Whether there are no data in Docker after all, as when no image could be pulled: then nothing of it is kept.
async fn gave_up(instance: &Instance) -> Result<bool, Failure> {
    // Nobody knows what a daemon has that does not answer.
    let Ok(project) = containers::project(instance).await else { return Ok(false) };
    if !project.list().await.map_err(containers::failed)?.volumes.is_empty() {
        return Ok(false);
    }
    project.remove_all(false).await.map_err(containers::failed)?;
    Ok(true)
}

fn other_data(instance: &Instance, infra: Infra) -> Failure {
    let place = match infra {
        Infra::Embedded => "embedded",
        Infra::Docker => "in Docker",
    };
    let name = &instance.name;
    Failure::new(Exit::Conflict, format!("instance {name} has its data {place}, and keeps them there"))
        .hint(format!("`shopctl down --volumes --instance {name}` removes them; another `--instance` has its own"))
}

/// For whoever wants nothing else.
async fn insisted(workspace: &Workspace, args: &Up) -> anyhow::Result<Docker> {
    let compose = compose(workspace, args)?;
    let services = containers::services(&compose)?;
    let daemon = Daemon::from_environment().await.map_err(containers::failed)?;
    Ok(Docker { compose, services, daemon })
}

/// Whether Docker serves, and why or why not.
async fn reachable(workspace: &Workspace, args: &Up) -> anyhow::Result<Result<(Docker, String), String>> {
    let manifest = workspace.load(Infra::Docker)?;
    let wanted: BTreeSet<&String> = manifest
        .resources
        .iter()
        .filter_map(|(name, resource)| (resource.kind == Kind::Container).then_some(name))
        .collect();
    if wanted.is_empty() {
        return Ok(Err("the manifest has no containers".to_owned()));
    }
    let compose = compose(workspace, args)?;
    let services = containers::services(&compose)?;
    let daemon = match Daemon::from_environment().await {
        Ok(daemon) => daemon,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let images: Vec<String> =
        services.iter().filter(|(name, _)| wanted.contains(name)).map(|(_, service)| service.image.clone()).collect();
    let missing = match image::missing(&daemon, &images).await {
        Ok(missing) => missing,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let credentials = containers::credentials();
    let asked = missing.iter().map(|image| image::obtainable(&daemon, image, &credentials, PATIENCE));
    let why = match futures::future::try_join_all(asked).await {
        Ok(_) if missing.is_empty() => "which has all images".to_owned(),
        Ok(_) => format!("which can pull {}", missing.join(", ")),
        Err(error) => return Ok(Err(error.to_string())),
    };
    Ok(Ok((Docker { compose, services, daemon }, why)))
}

fn compose(workspace: &Workspace, args: &Up) -> anyhow::Result<Compose> {
    let file = workspace.manifest.parent().unwrap_or(Path::new("/")).join(containers::FILE);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let images = args.images.iter().map(|one| (one.resource.clone(), one.image.clone())).collect();
    Ok(Compose { file, text, images })
}
