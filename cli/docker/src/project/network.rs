//! The one network of an instance, in which containers reach each other by the names of their resources.

use bollard::{models::NetworkCreateRequest, query_parameters::ListNetworksOptionsBuilder};

use super::Project;
use crate::{Error, daemon};

impl Project {
    /// Makes the network of this instance if it is not there, and answers with its id. `obtain` does so by itself.
    ///
    /// # Errors
    /// When a foreign network has its name, or the daemon refuses.
    pub async fn ensure_network(&self) -> Result<String, Error> {
        let name = self.network();
        let object = format!("network {name}");
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
        let own = match self.daemon.answer(docker.create_network(request)).await {
            Ok(created) => Some(created.id),
            // Another process of this instance was quicker.
            Err(error) if daemon::status(&error) == Some(409) => None,
            Err(error) => return Err(self.daemon.refused("create", &object, &error)),
        };
        let kept = self.present_network().await?;
        // Daemons before 25 give two networks one name when they are asked for at once. All see the same oldest one.
        if let (Some(own), Some(kept)) = (&own, &kept)
            && own != kept
        {
            self.daemon.ask_for("remove", &object, docker.remove_network(own)).await?;
        }
        kept.or(own).ok_or_else(|| Error::Refused {
            action: "create",
            object,
            detail: "it is gone again at once; another process removes this instance".into(),
        })
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
