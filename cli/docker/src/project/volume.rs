//! Volumes, which outlive their containers.

use bollard::models::VolumeCreateRequest;

use super::Project;
use crate::Error;

impl Project {
    /// Makes a volume if it is not there; whether it was.
    pub(super) async fn ensure_volume(&self, volume: &str) -> Result<bool, Error> {
        let name = self.name(volume);
        let object = format!("volume {name}");
        let docker = &self.daemon.docker;
        let found = self.daemon.ask_for("look at", &object, docker.inspect_volume(&name)).await?;
        if let Some(found) = found {
            self.ours("volume", &name, Some(&found.labels))?;
            return Ok(true);
        }
        // Docker gives an existing one of this name instead, whoever made it.
        let request = VolumeCreateRequest {
            name: Some(name.clone()),
            labels: Some(self.labels(Some(volume))),
            ..VolumeCreateRequest::default()
        };
        let made = self.daemon.ask("create", &object, docker.create_volume(request)).await?;
        self.ours("volume", &name, Some(&made.labels)).map(|()| false)
    }
}
