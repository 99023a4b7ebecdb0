//! The Docker daemon: which one the docker CLI would talk to, and a connection to it.

mod endpoint;

use std::fmt;

use bollard::Docker;

pub use endpoint::{Endpoint, Surroundings, find};

use crate::Error;

/// A daemon that has answered.
#[derive(Debug, Clone)]
pub struct Daemon {
    pub(crate) docker: Docker,
    endpoint: Endpoint,
    version: Version,
}

/// What the daemon says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Of the engine: `20.10.24`.
    pub engine: String,
    /// The newest API that it speaks, and the oldest: `1.41`.
    pub api: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Docker {} (API {})", self.engine, self.api)
    }
}

impl Daemon {
    /// The daemon that the environment of this process leads to.
    ///
    /// # Errors
    /// As [`find`] and [`Self::connect`].
    pub async fn from_environment() -> Result<Self, Error> {
        Self::connect(&find(&Surroundings::of_process())?).await
    }

    /// Asks the daemon for its version, and settles on an API that both speak. Takes 3 s at most.
    ///
    /// # Errors
    /// When there is none, it does not let this user in, or is too old.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, Error> {
        let _ = endpoint;
        todo!()
    }

    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }
}
