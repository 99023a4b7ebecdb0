//! Where the shop is: the nearest folder upwards with a `compose/services.toml`.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use shopctl_core::{
    Manifest,
    manifest::{self, Variant},
};

/// The manifest's place in a workspace.
pub const MANIFEST: &str = "compose/services.toml";

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("neither {0} nor a folder above it has a {MANIFEST}")]
    NotFound(PathBuf),
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path}: {source}")]
    Manifest { path: PathBuf, source: manifest::Error },
}

/// A checkout, and the manifest in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    pub root: PathBuf,
    pub manifest: PathBuf,
}

impl Workspace {
    /// Looks from the current directory upwards, or takes `manifest` and the folder around it.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(manifest: Option<&Path>) -> Result<Self, Error> {
        let read_error = |path: &Path| {
            let path = path.to_owned();
            |source| Error::Read { path, source }
        };
        if let Some(path) = manifest {
            let manifest = fs::canonicalize(path).map_err(read_error(path))?;
            let folder = manifest.parent().unwrap_or(Path::new("/"));
            let root = if manifest.ends_with(MANIFEST) { folder.parent().unwrap_or(folder) } else { folder };
            return Ok(Self { root: root.to_owned(), manifest });
        }
        let here = env::current_dir().and_then(fs::canonicalize).map_err(read_error(Path::new(".")))?;
        let root = here.ancestors().find(|folder| folder.join(MANIFEST).is_file());
        let root = root.ok_or_else(|| Error::NotFound(here.clone()))?.to_owned();
        Ok(Self { manifest: root.join(MANIFEST), root })
    }

    /// The manifest's text.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self) -> Result<String, Error> {
        fs::read_to_string(&self.manifest).map_err(|source| Error::Read { path: self.manifest.clone(), source })
    }

    /// Reads and checks the manifest, as it is in `variant`.
    ///
    /// # Errors
    /// When it cannot be read, or is wrong.
    pub fn load(&self, variant: impl Into<Variant>) -> Result<Manifest, Error> {
        Manifest::parse(&self.read()?, variant)
            .map_err(|source| Error::Manifest { path: self.manifest.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_in_its_place_belongs_to_the_folder_above_and_any_other_to_its_own() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let root = fs::canonicalize(dir.path()).expect("it has a path");
        fs::create_dir(root.join("compose")).expect("a folder is made");
        for (path, expected) in [("compose/services.toml", root.clone()), ("other.toml", root.clone())] {
            fs::write(root.join(path), "version = 1").expect("a manifest is written");
            let workspace = Workspace::find(Some(&root.join(path))).expect("it is found");
            assert_eq!(workspace, Workspace { root: expected, manifest: root.join(path) });
        }
        assert!(matches!(Workspace::find(Some(&root.join("none.toml"))), Err(Error::Read { .. })));
    }
}
