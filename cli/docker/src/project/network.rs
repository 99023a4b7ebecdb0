//! The one network of an instance, in which containers reach each other by the names of their resources.

use std::{fs::File, io};

use bollard::{models::NetworkCreateRequest, query_parameters::ListNetworksOptionsBuilder};

use super::Project;
use crate::Error;

impl Project {
    /// Makes the network of this instance if it is not there, and answers with its id. `obtain` does so by itself.
    ///
    /// # Errors
    /// When a foreign network has its name, the folder of state cannot be locked, or the daemon refuses.
    pub async fn ensure_network(&self) -> Result<String, Error> {
        let name = self.network();
        let object = format!("network {name}");
        if let Some(id) = self.present_network().await? {
            return Ok(id);
        }
        // Daemons before 25 give two networks one name when they are asked for at once, and then start nothing in either.
        let _lock = self.lock().await?;
        if let Some(id) = self.present_network().await? {
            return Ok(id);
        }
        let docker = &self.daemon.docker;
        if let Some(found) = self.daemon.ask_for("look at", &object, docker.inspect_network(&name, None)).await? {
            self.ours("network", &name, found.labels.as_ref())?;
        }
        let request = NetworkCreateRequest {
            name,
            driver: Some("bridge".into()),
            labels: Some(self.labels(None)),
            ..NetworkCreateRequest::default()
        };
        let created = self.daemon.ask("create", &object, docker.create_network(request)).await?;
        Ok(created.id)
    }

    /// Keeps other processes of this instance out, until it is dropped. It is on the folder: no file is left behind.
    async fn lock(&self) -> Result<File, Error> {
        let path = self.folder.clone();
        let locked = tokio::task::spawn_blocking(move || {
            let folder = File::open(path)?;
            folder.lock().map(|()| folder)
        });
        let locked = locked.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        locked.map_err(|error| Error::Lock { path: self.folder.clone(), problem: error.to_string() })
    }

    /// The oldest, if there are several.
    async fn present_network(&self) -> Result<Option<String>, Error> {
        let options = ListNetworksOptionsBuilder::default().filters(&self.filter()).build();
        let listing = self.daemon.docker.list_networks(Some(options));
        let mut networks = self.daemon.ask("list", "networks", listing).await?;
        networks.sort_by_key(|network| (network.created.clone(), network.id.clone()));
        Ok(networks.into_iter().find_map(|network| network.id))
    }
}
