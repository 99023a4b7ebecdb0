use std::path::PathBuf;

use super::Error;

/// What the environment says about where PostgreSQL comes from.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `SHOPCTL_POSTGRES_BIN`: the folder of binaries to use, and no other.
    pub bin: Option<PathBuf>,
    /// `SHOPCTL_POSTGRES=download`: never use what is installed.
    pub download_only: bool,
    pub(super) cache_home: Option<PathBuf>,
    pub(super) path: Vec<PathBuf>,
}

impl Settings {
    /// Reads this process's environment.
    ///
    /// # Errors
    /// When a variable holds a word that is not known.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// # Errors
    /// When a variable holds a word that is not known.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let download_only = match lookup("SHOPCTL_POSTGRES").as_deref() {
            None => false,
            Some("download") => true,
            Some(other) => return Err(Error::BadChoice(other.to_owned())),
        };
        let absolute = |path: PathBuf| path.is_absolute().then_some(path);
        Ok(Self {
            bin: lookup("SHOPCTL_POSTGRES_BIN").map(PathBuf::from),
            download_only,
            // A relative XDG_CACHE_HOME is to be ignored, says its specification.
            cache_home: lookup("XDG_CACHE_HOME")
                .and_then(|value| absolute(value.into()))
                .or_else(|| lookup("HOME").map(|home| PathBuf::from(home).join(".cache"))),
            path: lookup("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default(),
        })
    }
}
