use super::Project;
use crate::Error;

/// What an instance has in Docker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Things {
    pub containers: Vec<Thing>,
    pub networks: Vec<Thing>,
    pub volumes: Vec<Thing>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    pub name: String,
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

impl Project {
    /// All that bears this instance's labels.
    ///
    /// # Errors
    /// When the daemon does not say.
    pub async fn list(&self) -> Result<Things, Error> {
        todo!()
    }

    /// Removes the containers (running ones are killed) and the network, and with `volumes` the data too.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub async fn remove_all(&self, volumes: bool) -> Result<Removed, Error> {
        let _ = volumes;
        todo!()
    }
}
