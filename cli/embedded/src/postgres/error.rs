use std::{io, path::PathBuf};

use super::Version;

/// Why a cluster cannot be prepared or started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("SHOPCTL_POSTGRES_BIN={0} holds no usable PostgreSQL: {1}")]
    BadOverride(PathBuf, String),
    #[error("SHOPCTL_POSTGRES={0} is not a word it knows")]
    BadChoice(String),
    #[error("PostgreSQL cannot be downloaded: {0}")]
    Download(String),
    #[error("the cluster {data} belongs to PostgreSQL {major}, and no PostgreSQL {major} is here")]
    OtherMajor { data: PathBuf, major: u32 },
    #[error("PostgreSQL {version} in {dir} is too old; {oldest} is the oldest that serves", oldest = Version::OLDEST_MAJOR)]
    TooOld { dir: PathBuf, version: Version },
    #[error("{program} failed: {detail}")]
    Program { program: PathBuf, detail: String },
    #[error("{name:?} cannot be the name of a database")]
    DatabaseName { name: String },
    #[error("no account can run PostgreSQL, which refuses to run as root: {0}")]
    NoAccount(String),
    #[error("neither HOME nor XDG_CACHE_HOME is set, so there is no cache for PostgreSQL")]
    NoCache,
    #[error("cannot {action} {path}: {source}")]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

impl Error {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::BadOverride(..) => Some("name a folder that holds postgres and initdb, version 14 or later".into()),
            Self::BadChoice(_) => Some("leave SHOPCTL_POSTGRES out, or set it to `download`".into()),
            Self::Download(_) => Some(
                "install PostgreSQL 14 or later with your package manager (Debian: `apt-get install postgresql`), \
                 or name its folder of binaries in SHOPCTL_POSTGRES_BIN"
                    .into(),
            ),
            Self::OtherMajor { major, .. } => Some(format!(
                "install PostgreSQL {major}, or name its folder of binaries in SHOPCTL_POSTGRES_BIN, \
                 or start afresh with `shopctl down --volumes`"
            )),
            Self::TooOld { .. } => Some("install PostgreSQL 14 or later".into()),
            Self::NoAccount(_) => {
                Some("run as an ordinary user, or create one for it: `useradd --system postgres`".into())
            }
            Self::NoCache => Some("set HOME or XDG_CACHE_HOME".into()),
            // initdb's words for a user whose number has no name, as in containers that run under any number.
            Self::Program { detail, .. } if detail.contains("could not look up effective user ID") => {
                Some("run as a user that /etc/passwd knows".into())
            }
            Self::Program { .. } | Self::DatabaseName { .. } | Self::Io { .. } => None,
        }
    }

    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
