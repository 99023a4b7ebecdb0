use std::path::PathBuf;

/// Why something about Docker cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no Docker daemon answers at {url} ({why}): {detail}")]
    NoDaemon { url: String, why: String, detail: String },
    #[error("the Docker daemon at {url} lets this user not in: permission denied")]
    Permission { url: String },
    #[error("the Docker daemon at {url} speaks API {api} (Docker {engine}); the oldest that serves is {oldest}")]
    TooOld { url: String, engine: String, api: String, oldest: &'static str },
    #[error("what answers at {url} is no Docker daemon: {detail}")]
    NotDocker { url: String, detail: String },
    #[error("{url} ({why}) is a kind of address that shopctl cannot use: {problem}")]
    Unsupported { url: String, why: String, problem: String },
    #[error("Docker's context {name} ({why}) cannot be used: {problem}")]
    Context { name: String, why: String, problem: String },
    #[error("cannot read {path}: {problem}")]
    Config { path: PathBuf, problem: String },

    #[error("image {image} does not exist, or may not be seen: {detail}")]
    ImageNotFound { image: String, detail: String },
    #[error("image {image} is not on this machine")]
    ImageMissing { image: String },
    #[error("image {image} cannot be pulled: its registry is not reached: {detail}")]
    NoNetwork { image: String, detail: String },
    #[error("image {image} cannot be pulled: {registry} wants other credentials: {detail}")]
    Unauthorized { image: String, registry: String, detail: String },
    #[error("image {image} cannot be pulled: the disk of the Docker daemon is full: {detail}")]
    DiskFull { image: String, detail: String },
    #[error("image {image} cannot be pulled: {detail}")]
    Pull { image: String, detail: String },
    #[error("the credentials for {registry} cannot be read: {detail}")]
    Credentials { registry: String, detail: String },

    #[error("there is a {kind} {name} that is not of this instance")]
    Foreign { kind: &'static str, name: String },
    #[error("port {port} of {resource} is taken by {holder}")]
    PortTaken { resource: String, port: u16, holder: String },
    #[error("volume {volume} was written by PostgreSQL {found}, and {image} is PostgreSQL {wanted}")]
    PostgresMajor { resource: String, volume: String, found: String, image: String, wanted: String },
    #[error("container {name} does not start: {detail}")]
    Start { name: String, detail: String },
    #[error("the Docker daemon cannot {action} {object}: {detail}")]
    Refused { action: &'static str, object: String, detail: String },
}

impl Error {
    /// What the user can do about it, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        None
    }
}
