//! Stopping containers, each by the signal that its image or the Compose file asks for.

use std::time::Duration;

use bollard::query_parameters::{
    KillContainerOptionsBuilder, ListContainersOptionsBuilder, WaitContainerOptionsBuilder,
};
use futures::{StreamExt, future};

use super::Project;
use crate::{Error, daemon};

/// Compose's and Docker's.
const GRACE: i64 = 10;
/// For a process that was sent SIGKILL.
const DEATH: Duration = Duration::from_secs(20);

impl Project {
    /// Stops a resource's container by its own signal, and by SIGKILL after `grace` (if none is given, its
    /// `stop_grace_period`, else 10 s). One that does not run, or is not there, is fine.
    ///
    /// # Errors
    /// When the daemon refuses.
    pub async fn stop(&self, resource: &str, grace: Option<Duration>) -> Result<(), Error> {
        let name = self.name(resource);
        let docker = &self.daemon.docker;
        let found =
            self.daemon.ask_for("look at", &format!("container {name}"), docker.inspect_container(&name, None)).await?;
        let Some(found) = found else { return Ok(()) };
        self.ours("container", &name, found.config.as_ref().and_then(|config| config.labels.as_ref()))?;
        self.stop_container(&found.id.unwrap_or_default(), grace).await
    }

    /// Stops all containers of the instance at once, each by its own signal, and by SIGKILL after `grace`. Answers with the
    /// names of those that ran.
    ///
    /// # Errors
    /// When the daemon refuses; it has tried all of them.
    pub async fn stop_all(&self, grace: Duration) -> Result<Vec<String>, Error> {
        let options = ListContainersOptionsBuilder::default().filters(&self.filter()).build();
        let listing = self.daemon.docker.list_containers(Some(options));
        let running = self.daemon.ask("list", "containers", listing).await?;
        let stopped = running.into_iter().map(async |container| {
            self.stop_container(&container.id.unwrap_or_default(), Some(grace)).await?;
            let name = container.names.unwrap_or_default().into_iter().next().unwrap_or_default();
            Ok(name.trim_start_matches('/').to_owned())
        });
        future::join_all(stopped).await.into_iter().collect()
    }

    pub(super) async fn stop_container(&self, id: &str, grace: Option<Duration>) -> Result<(), Error> {
        let object = format!("container {id}");
        let docker = &self.daemon.docker;
        let found = self.daemon.ask_for("look at", &object, docker.inspect_container(id, None)).await?;
        let Some((state, config)) = found.and_then(|found| found.state.zip(found.config)) else { return Ok(()) };
        if state.running != Some(true) {
            return Ok(());
        }
        let signal = config.stop_signal.filter(|signal| !signal.is_empty()).unwrap_or_else(|| "SIGTERM".into());
        self.signal(id, &signal).await?;
        if state.paused == Some(true) {
            // Frozen, it would see the signal only then. It may have ended meanwhile.
            let _ = self.daemon.answer(docker.unpause_container(id)).await;
        }
        let grace = grace.unwrap_or_else(|| {
            Duration::from_secs(u64::try_from(config.stop_timeout.unwrap_or(GRACE)).unwrap_or(u64::MAX))
        });
        if tokio::time::timeout(grace, self.ended(id)).await.is_ok() {
            return Ok(());
        }
        self.signal(id, "SIGKILL").await?;
        tokio::time::timeout(DEATH, self.ended(id)).await.map_err(|_| Error::Refused {
            action: "stop",
            object,
            detail: format!("it still runs {} s after SIGKILL", DEATH.as_secs()),
        })
    }

    /// A container that has ended meanwhile is fine.
    async fn signal(&self, id: &str, signal: &str) -> Result<(), Error> {
        let options = KillContainerOptionsBuilder::default().signal(signal).build();
        match self.daemon.answer(self.daemon.docker.kill_container(id, Some(options))).await {
            Err(error) if !matches!(daemon::status(&error), Some(404 | 409)) => {
                Err(self.daemon.refused("signal", &format!("container {id}"), &error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Returns when the container does not run, whatever kept it.
    async fn ended(&self, id: &str) {
        let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
        let mut answer = Box::pin(self.daemon.docker.wait_container(id, Some(options)));
        let _ = answer.next().await;
    }
}
