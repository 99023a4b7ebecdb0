use std::{path::Path, time::SystemTime};

use super::Project;
use crate::{Error, compose::Service};

/// A container of ours that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub id: String,
    pub name: String,
    pub resource: String,
    pub started: SystemTime,
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
}

impl Project {
    /// Makes the network of this instance if it is not there. `obtain` does so by itself.
    ///
    /// # Errors
    /// When a foreign network has its name, or the daemon refuses.
    pub async fn ensure_network(&self) -> Result<(), Error> {
        todo!()
    }

    /// Gets the container of a resource to run: adopts, starts, creates or recreates it, with its network and volumes.
    /// `folder` is that of the Compose file, where relative paths begin. The image must be here.
    ///
    /// # Errors
    /// When something foreign has the name, a port is taken, the volume is of another PostgreSQL, or the daemon refuses.
    pub async fn obtain(&self, resource: &str, service: &Service, folder: &Path) -> Result<Obtained, Error> {
        let _ = (resource, service, folder);
        todo!()
    }
}
