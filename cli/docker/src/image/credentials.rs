use std::path::PathBuf;

/// Where the user's credentials for registries are: Docker's `config.json`, with its helpers.
#[derive(Debug, Clone)]
pub struct Credentials {
    config: Option<PathBuf>,
}

impl Credentials {
    /// `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`.
    #[must_use]
    pub fn from_lookup(variable: impl Fn(&str) -> Option<String>) -> Self {
        let folder = variable("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".docker")));
        Self { config: folder.map(|folder| folder.join("config.json")) }
    }
}
