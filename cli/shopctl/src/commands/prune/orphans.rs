//! What instances have left in Docker whose state nobody has any more.

use serde_json::{Value, json};
use shopctl_docker::{
    Daemon,
    project::{self, Orphan, Things},
};

use crate::{containers, exit::Failure};

pub(super) struct Orphans {
    daemon: Option<Daemon>,
    found: Vec<Orphan>,
}

impl Orphans {
    /// None where no daemon answers: then nothing says that there ever was one.
    pub(super) async fn find() -> Result<Self, Failure> {
        let Ok(daemon) = Daemon::from_environment().await else { return Ok(Self { daemon: None, found: Vec::new() }) };
        let found = project::orphans(&daemon).await.map_err(containers::failed)?;
        Ok(Self { daemon: Some(daemon), found })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// As instances have them: name, size, last use, workspace.
    pub(super) fn rows(&self) -> impl Iterator<Item = [String; 4]> {
        self.found.iter().map(|orphan| {
            let Things { containers, networks, volumes } = &orphan.things;
            let counts = [(containers, "containers"), (networks, "networks"), (volumes, "volumes")];
            let counts: Vec<String> = counts.map(|(things, what)| format!("{} {what}", things.len())).into();
            let place = format!("in Docker: {}; {} is gone", counts.join(", "), orphan.folder.display());
            [orphan.instance.clone(), String::new(), String::new(), place]
        })
    }

    pub(super) async fn remove(&self) -> Result<(), Failure> {
        let Some(daemon) = &self.daemon else { return Ok(()) };
        for orphan in &self.found {
            orphan.project(daemon).remove_all(true).await.map_err(containers::failed)?;
        }
        Ok(())
    }

    pub(super) fn json(&self) -> impl Iterator<Item = Value> {
        self.found.iter().map(|orphan| {
            let Things { containers, networks, volumes } = &orphan.things;
            json!({
                "instance": orphan.instance,
                "state_dir": orphan.folder,
                "containers": containers.len(),
                "networks": networks.len(),
                "volumes": volumes.len(),
            })
        })
    }
}
