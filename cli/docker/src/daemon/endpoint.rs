use std::{io, path::Path};

use crate::Error;

/// The address of a daemon, and what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `unix:///path` or `tcp://host:port`.
    pub url: String,
    /// `DOCKER_HOST`, `the context desktop-linux, of ~/.docker/config.json`, `the default socket`, ...
    pub why: String,
}

/// What decides about the daemon's address: variables and files.
pub struct Surroundings<'a> {
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
    pub exists: &'a dyn Fn(&Path) -> bool,
}

impl Surroundings<'static> {
    /// This process's environment and this machine's files.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            variable: &|name| std::env::var(name).ok(),
            read: &|path| std::fs::read_to_string(path),
            exists: &|path| path.exists(),
        }
    }
}

/// Finds the daemon as the docker CLI does: `DOCKER_HOST`, the context of `DOCKER_CONTEXT` or of `config.json`, the default
/// socket; and where that is not there, the rootless one.
///
/// # Errors
/// When the context cannot be read, or the address is of a kind that is not supported (ssh, TLS).
pub fn find(surroundings: &Surroundings<'_>) -> Result<Endpoint, Error> {
    let _ = (surroundings.variable, surroundings.read, surroundings.exists);
    todo!()
}
