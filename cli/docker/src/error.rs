use std::path::PathBuf;

use crate::daemon;

/// Why something about Docker cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no Docker daemon answers at {url} ({why}): {detail}")]
    NoDaemon { url: String, why: String, detail: String },
    #[error("the Docker daemon at {url} lets this user not in: permission denied")]
    Permission { url: String },
    #[error("the Docker daemon at {url} speaks API {api} (Docker {engine}); the oldest that serves is {oldest}", oldest = daemon::oldest())]
    TooOld { url: String, engine: String, api: String },
    #[error("what answers at {url} is no Docker daemon: {detail}")]
    NotDocker { url: String, detail: String },
    #[error("{url} ({why}) is a kind of address that shopctl cannot use: {problem}")]
    Unsupported { url: String, why: String, problem: String },
    #[error("Docker's context {name} ({why}) cannot be used: {problem}")]
    Context { name: String, why: String, problem: String },
    #[error("cannot read {path}: {problem}")]
    Config { path: PathBuf, problem: String },
    #[error("cannot lock {path}: {problem}")]
    Lock { path: PathBuf, problem: String },

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
    /// `container` publishes it; if there is none, a process of the host listens on it.
    #[error("port {port} of {resource} is taken by {}", holder(.container.as_deref()))]
    PortTaken { resource: String, port: u16, container: Option<String> },
    #[error("volume {volume} was written by PostgreSQL {found}, and {image} is PostgreSQL {wanted}")]
    PostgresMajor { resource: String, volume: String, found: String, image: String, wanted: String },
    #[error("container {name} does not start: {detail}")]
    Start { name: String, detail: String },
    #[error("the Docker daemon cannot {action} {object}: {detail}")]
    Refused { action: &'static str, object: String, detail: String },
}

impl Error {
    /// Whether the daemon is not there: later, it may be.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::NoDaemon { .. } | Self::NotDocker { .. } | Self::Permission { .. })
    }

    /// What the user can do about it, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoDaemon { .. } => {
                "start Docker (`systemctl start docker`, or Docker Desktop), or take `--infra embedded`, which needs none"
            }
            Self::Permission { .. } => {
                "add yourself to the group docker (`sudo usermod -aG docker $USER`, then log in again), or take \
                 `--infra embedded`"
            }
            Self::TooOld { .. } => "install Docker 20.10 or later, or take `--infra embedded`",
            Self::NotDocker { .. } => "see what DOCKER_HOST and `docker context ls` say",
            Self::Unsupported { .. } => {
                "run a daemon on this machine and name its socket in DOCKER_HOST, or take `--infra embedded`"
            }
            Self::Context { .. } => {
                "`docker context ls` lists those that are known, `docker context use default` takes the default"
            }
            Self::Config { .. } => "mend the file, or name another folder in DOCKER_CONFIG",
            Self::ImageNotFound { .. } => {
                "check its name and tag; another one serves with `--image RESOURCE=IMAGE`; one that is private wants `docker login`"
            }
            Self::ImageMissing { .. } => "pull or build it, or name another one with `--image RESOURCE=IMAGE`",
            Self::NoNetwork { .. } => {
                "check the network, name an image of a registry that is reached (`--image RESOURCE=IMAGE`), or take `--infra embedded`"
            }
            Self::Unauthorized { registry, .. } => return Some(format!("`docker login {registry}`, then try again")),
            Self::DiskFull { .. } => {
                "`docker system df` shows what takes the room, `docker system prune` gives some back"
            }
            Self::Pull { image, .. } => return Some(format!("`docker pull {image}` may tell more")),
            Self::Credentials { .. } => {
                "see credsStore, credHelpers and auths in Docker's config.json; `docker login` writes them anew"
            }
            Self::Foreign { kind, name } => {
                return Some(format!("if nobody needs it, `docker {kind} rm {name}`; else take another `--instance`"));
            }
            Self::PortTaken { .. } => {
                "stop what holds it, or take `--isolated` or `--port-offset N` at an instance's first `up`"
            }
            Self::PostgresMajor { resource, found, .. } => {
                return Some(format!(
                    "`--image {resource}=postgres:{found}` opens it; `shopctl down --volumes` begins anew, without the data"
                ));
            }
            Self::Lock { .. } | Self::Start { .. } | Self::Refused { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

fn holder(container: Option<&str>) -> String {
    container.map_or_else(|| "another process".to_owned(), |name| format!("the container {name}"))
}
