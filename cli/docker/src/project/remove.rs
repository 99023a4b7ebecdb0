//! What is left of an instance in Docker, and removing it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, RemoveVolumeOptionsBuilder,
};
use futures::future;
use tokio::time::Instant;

use super::{FOLDER, HOST, INSTANCE, Project, RESOURCE, STATE};
use crate::{Daemon, Error, compose::Service, daemon};

/// Until what used a network or volume has let go of it.
const RELEASE: Duration = Duration::from_secs(10);

/// Things of shopctl in Docker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Things {
    pub containers: Vec<Thing>,
    pub networks: Vec<Thing>,
    pub volumes: Vec<Thing>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// Of a container or network; volumes have their name.
    pub id: String,
    pub name: String,
    pub instance: String,
    /// Hash of the path of the instance's state.
    pub state: String,
    /// That path, and the name of the machine that it is on.
    pub folder: String,
    pub host: String,
    /// Networks have none.
    pub resource: Option<String>,
    /// Containers only.
    pub running: bool,
}

/// How many were removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    pub containers: usize,
    pub networks: usize,
    pub volumes: usize,
}

impl Things {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { containers, networks, volumes } = self;
        containers.is_empty() && networks.is_empty() && volumes.is_empty()
    }
}

impl Thing {
    fn of(id: String, name: &str, labels: &HashMap<String, String>, running: bool) -> Self {
        let label = |label: &str| labels.get(label).cloned();
        Self {
            id,
            name: name.trim_start_matches('/').to_owned(),
            instance: label(INSTANCE).unwrap_or_default(),
            state: label(STATE).unwrap_or_default(),
            folder: label(FOLDER).unwrap_or_default(),
            host: label(HOST).unwrap_or_default(),
            resource: label(RESOURCE),
            running,
        }
    }
}

/// All that bears shopctl's labels, whatever the instance.
///
/// # Errors
/// When the daemon does not say.
pub async fn all(daemon: &Daemon) -> Result<Things, Error> {
    list(daemon, &HashMap::from([("label".to_owned(), vec![STATE.to_owned()])])).await
}

async fn list(daemon: &Daemon, filter: &HashMap<String, Vec<String>>) -> Result<Things, Error> {
    let containers = ListContainersOptionsBuilder::default().all(true).filters(filter).build();
    let networks = ListNetworksOptionsBuilder::default().filters(filter).build();
    let volumes = ListVolumesOptionsBuilder::default().filters(filter).build();
    let docker = &daemon.docker;
    let (containers, networks, volumes) = future::try_join3(
        daemon.ask("list", "containers", docker.list_containers(Some(containers))),
        daemon.ask("list", "networks", docker.list_networks(Some(networks))),
        daemon.ask("list", "volumes", docker.list_volumes(Some(volumes))),
    )
    .await?;
    let containers = containers.into_iter().map(|found| {
        let name = found.names.unwrap_or_default().into_iter().next().unwrap_or_default();
        let running = found.state.is_some_and(|state| matches!(state.as_ref(), "running" | "paused" | "restarting"));
        Thing::of(found.id.unwrap_or_default(), &name, &found.labels.unwrap_or_default(), running)
    });
    let networks = networks.into_iter().map(|found| {
        let name = found.name.unwrap_or_default();
        Thing::of(found.id.unwrap_or_default(), &name, &found.labels.unwrap_or_default(), false)
    });
    let volumes = volumes.volumes.unwrap_or_default().into_iter();
    let volumes = volumes.map(|found| Thing::of(found.name.clone(), &found.name, &found.labels, false));
    Ok(Things { containers: containers.collect(), networks: networks.collect(), volumes: volumes.collect() })
}

impl Project {
    /// All that bears this instance's labels.
    ///
    /// # Errors
    /// When the daemon does not say.
    pub async fn list(&self) -> Result<Things, Error> {
        list(&self.daemon, &self.filter()).await
    }

    /// The same, and sees to it that nobody else has a name that these services need. Asks as often as [`Self::list`].
    ///
    /// # Errors
    /// When something foreign has one, or the daemon does not say.
    pub async fn claim(&self, services: &BTreeMap<String, Service>) -> Result<Things, Error> {
        let names = HashMap::from([("name".to_owned(), vec![self.network()])]);
        let mut found = list(&self.daemon, &names).await?;
        let containers: BTreeSet<String> = services.keys().map(|resource| self.name(resource)).collect();
        let volumes: BTreeSet<String> =
            services.values().flat_map(Service::volumes).map(|volume| self.name(volume)).collect();
        let networks = BTreeSet::from([self.network()]);
        for (kind, things, ours) in [
            ("container", &mut found.containers, containers),
            ("network", &mut found.networks, networks),
            ("volume", &mut found.volumes, volumes),
        ] {
            if let Some(foreign) = things.iter().find(|thing| thing.state != self.state && ours.contains(&thing.name)) {
                return Err(Error::Foreign { kind, name: foreign.name.clone() });
            }
            things.retain(|thing| thing.state == self.state);
        }
        Ok(found)
    }

    /// Removes the containers (running ones are killed) and the network, and with `volumes` the data too.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub async fn remove_all(&self, volumes: bool) -> Result<Removed, Error> {
        let things = self.list().await?;
        let containers = things.containers.iter().map(|container| self.remove_container(&container.id));
        future::join_all(containers).await.into_iter().collect::<Result<(), _>>()?;
        let networks = things.networks.iter().map(|network| self.remove_network(network));
        future::join_all(networks).await.into_iter().collect::<Result<(), _>>()?;
        let doomed = if volumes { things.volumes.as_slice() } else { &[] };
        let removed = doomed.iter().map(|volume| self.remove_volume(volume));
        future::join_all(removed).await.into_iter().collect::<Result<(), _>>()?;
        Ok(Removed { containers: things.containers.len(), networks: things.networks.len(), volumes: doomed.len() })
    }

    async fn remove_network(&self, network: &Thing) -> Result<(), Error> {
        let object = format!("network {}", network.name);
        self.released("remove", &object, || self.daemon.docker.remove_network(&network.id)).await
    }

    async fn remove_volume(&self, volume: &Thing) -> Result<(), Error> {
        let object = format!("volume {}", volume.name);
        let options = || Some(RemoveVolumeOptionsBuilder::default().force(true).build());
        self.released("remove", &object, || self.daemon.docker.remove_volume(&volume.name, options())).await
    }

    /// Tries again while a container that is being removed still uses it. What is gone is fine.
    async fn released<F>(&self, action: &'static str, object: &str, attempt: impl Fn() -> F) -> Result<(), Error>
    where
        F: Future<Output = Result<(), bollard::errors::Error>>,
    {
        let deadline = Instant::now() + RELEASE;
        loop {
            match self.daemon.answer(attempt()).await {
                Ok(()) => return Ok(()),
                Err(error) => match daemon::status(&error) {
                    Some(404) => return Ok(()),
                    Some(403 | 409) if Instant::now() < deadline => {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    Some(_) | None => return Err(self.daemon.refused(action, object, &error)),
                },
            }
        }
    }
}
