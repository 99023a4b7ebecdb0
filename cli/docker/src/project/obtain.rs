//! From a service to its running container.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use bollard::{
    models::{ContainerInspectResponse, ContainerStateStatusEnum},
    query_parameters::{CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder},
};
use futures::future;
use tokio::time::Instant;

use super::{
    CONTENT, Project, output,
    spec::{self, Site},
};
use crate::{Error, compose::Service, daemon, image};

/// Until a container that is being removed is gone.
const REMOVAL: Duration = Duration::from_secs(20);

/// A container of ours that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub id: String,
    pub name: String,
    pub resource: String,
    pub started: SystemTime,
    /// The end of its run before: what it wrote until then belongs to that one. A run writes before Docker calls it started.
    pub ended_before: Option<SystemTime>,
    /// Its first process as the daemon's machine numbers it: nobody on this one where the daemon is in a machine of its own.
    pub pid: Option<u32>,
}

/// A container, and how it was got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obtained {
    pub container: Container,
    pub how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It ran already, just as it is wanted.
    Adopted,
    /// It was there, stopped.
    Started,
    Created,
    /// There was one made of something else.
    Recreated,
    /// There was one that did not start any more.
    Replaced,
}

/// What to do with the container that has the name.
enum Present {
    Nothing,
    Running(ContainerInspectResponse),
    Stopped(ContainerInspectResponse),
    /// Made from something else, or in a network that is gone.
    Stale(ContainerInspectResponse),
}

impl Project {
    /// Gets the container of a resource to run: adopts, starts, creates or recreates it, with its network and volumes.
    /// `folder` is that of the Compose file, where relative paths begin. The image must be here.
    ///
    /// # Errors
    /// When something foreign has the name, a port is taken, the volume is of another PostgreSQL, or the daemon refuses.
    pub async fn obtain(&self, resource: &str, service: &Service, folder: &Path) -> Result<Obtained, Error> {
        let found = future::try_join(image::id(&self.daemon, &service.image), self.ensure_network());
        let (image, network) = found.await?;
        let image = image.ok_or_else(|| Error::ImageMissing { image: service.image.clone() })?;
        let site = Site { resource, folder, image: &image, network: &network };
        let (mut container, mut how) = match self.present(&site, service).await? {
            Present::Running(found) => {
                return Ok(Obtained { container: self.container(resource, &found), how: How::Adopted });
            }
            Present::Stopped(found) => (found, How::Started),
            Present::Stale(found) => {
                let id = found.id.unwrap_or_default();
                self.stop_container(&id, None).await?;
                self.remove_container(&id).await?;
                (self.create(&site, service).await?, How::Recreated)
            }
            Present::Nothing => (self.create(&site, service).await?, How::Created),
        };
        match self.start(resource, service, &container).await {
            // A daemon that was killed while it started one never starts that one again. The data are in volumes.
            Err(Error::Start { .. }) if how == How::Started => {
                self.remove_container(container.id.as_deref().unwrap_or_default()).await?;
                (container, how) = (self.create(&site, service).await?, How::Replaced);
                self.start(resource, service, &container).await?;
            }
            started => started?,
        }
        let id = container.id.clone().unwrap_or_default();
        let name = self.name(resource);
        let docker = &self.daemon.docker;
        let started =
            self.daemon.ask("look at", &format!("container {name}"), docker.inspect_container(&id, None)).await?;
        // One that has ended again at once tells its new end only.
        let ended_before = output::ended(container.state.as_ref());
        Ok(Obtained { container: Container { ended_before, ..self.container(resource, &started) }, how })
    }

    async fn start(
        &self,
        resource: &str,
        service: &Service,
        container: &ContainerInspectResponse,
    ) -> Result<(), Error> {
        let id = container.id.as_deref().unwrap_or_default();
        match self.daemon.answer(self.daemon.docker.start_container(id, None)).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.not_started(resource, service, &error).await),
        }
    }

    async fn present(&self, site: &Site<'_>, service: &Service) -> Result<Present, Error> {
        let name = self.name(site.resource);
        let Some(found) = self.settled(&name).await? else { return Ok(Present::Nothing) };
        let labels = found.config.as_ref().and_then(|config| config.labels.as_ref());
        self.ours("container", &name, labels)?;
        let same = labels.and_then(|labels| labels.get(CONTENT)) == Some(&spec::content(site, service));
        let network = found.host_config.as_ref().and_then(|host| host.network_mode.as_deref());
        let running = found.state.as_ref().and_then(|state| state.running) == Some(true);
        Ok(match (same, network == Some(site.network)) {
            (true, true) if running => Present::Running(found),
            (true, true) => Present::Stopped(found),
            (false, _) | (_, false) => Present::Stale(found),
        })
    }

    /// The container of a name, once it is not being removed.
    async fn settled(&self, name: &str) -> Result<Option<ContainerInspectResponse>, Error> {
        let object = format!("container {name}");
        let deadline = Instant::now() + REMOVAL;
        loop {
            let docker = &self.daemon.docker;
            let found = self.daemon.ask_for("look at", &object, docker.inspect_container(name, None)).await?;
            let state = found.as_ref().and_then(|found| found.state.as_ref()).and_then(|state| state.status);
            if !matches!(state, Some(ContainerStateStatusEnum::REMOVING)) || Instant::now() > deadline {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A new container that is not started yet.
    async fn create(&self, site: &Site<'_>, service: &Service) -> Result<ContainerInspectResponse, Error> {
        let volumes = service.volumes().into_iter().map(|volume| self.ensure_volume(volume));
        let had_data = future::try_join_all(volumes).await?.contains(&true);
        let name = self.name(site.resource);
        let object = format!("container {name}");
        let docker = &self.daemon.docker;
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let body = spec::body(self, site, service);
        let made = match self.daemon.answer(docker.create_container(Some(options), body)).await {
            Ok(made) => made,
            Err(error) if daemon::status(&error) == Some(404) && daemon::message(&error).contains("image") => {
                return Err(Error::ImageMissing { image: service.image.clone() });
            }
            Err(error) => return Err(self.daemon.refused("create", &object, &error)),
        };
        let made = self.daemon.ask("look at", &object, docker.inspect_container(&made.id, None)).await?;
        if had_data {
            let container = self.container(site.resource, &made);
            if let Err(error) = self.check_major(&container, &made, service).await {
                self.remove_container(&container.id).await?;
                return Err(error);
            }
        }
        Ok(made)
    }

    fn container(&self, resource: &str, found: &ContainerInspectResponse) -> Container {
        let state = found.state.as_ref();
        let started = state.and_then(|state| state.started_at.as_deref()).and_then(output::time);
        Container {
            id: found.id.clone().unwrap_or_default(),
            name: self.name(resource),
            resource: resource.to_owned(),
            started: started.unwrap_or(SystemTime::UNIX_EPOCH),
            ended_before: output::ended(state),
            pid: state.and_then(|state| u32::try_from(state.pid?).ok()).filter(|pid| *pid != 0),
        }
    }

    /// Removes a container, running or not, with the nameless volumes that its image declares. One that is gone is fine.
    pub(super) async fn remove_container(&self, id: &str) -> Result<(), Error> {
        let object = format!("container {id}");
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.daemon.answer(self.daemon.docker.remove_container(id, Some(options))).await {
            Ok(()) => Ok(()),
            Err(error) => match daemon::status(&error) {
                Some(404) => Ok(()),
                // Somebody else is at it.
                Some(409) => self.gone(id).await,
                Some(_) | None => Err(self.daemon.refused("remove", &object, &error)),
            },
        }
    }

    async fn gone(&self, id: &str) -> Result<(), Error> {
        match self.settled(id).await? {
            None => Ok(()),
            Some(_) => {
                let object = format!("container {id}");
                Err(Error::Refused { action: "remove", object, detail: "its removal does not end".into() })
            }
        }
    }
}
