//! Folders outside the state directory, for sockets and for what all instances of a user share.

use std::{
    env, fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{Error, Instance, short_hex};

/// A link in a runtime folder to the state directory that it belongs to.
const OWNER: &str = "state";

/// In its runtime folder: where the supervisor tells the proxy what is broken.
const PROXY_SOCKET: &str = "proxy.sock";

impl Instance {
    /// The socket on which its proxy listens to the supervisor.
    ///
    /// # Errors
    /// When there is no folder for it.
    pub fn proxy_socket(&self) -> Result<PathBuf, Error> {
        Ok(self.create_runtime_dir()?.join(PROXY_SOCKET))
    }

    /// A folder for the control socket: private, and short, since a socket's path has 107 bytes.
    ///
    /// # Errors
    /// When it cannot be made, or somebody else was there first.
    pub fn create_runtime_dir(&self) -> Result<PathBuf, Error> {
        let parent = match xdg_runtime_dir() {
            Some(dir) => own_dir(dir)?,
            None => private_tmp_dir()?,
        };
        let dir = own_dir(parent.join(self.runtime_name()))?;
        match symlink(&self.state, dir.join(OWNER)) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => Err(Error::Io { path: dir, source }),
            Ok(()) | Err(_) => Ok(dir),
        }
    }

    /// Removes its folders for sockets, wherever runs of it had them.
    pub(super) fn remove_runtime_dirs(&self) -> Result<(), Error> {
        let name = self.runtime_name();
        for dir in runtime_parents().into_iter().map(|parent| parent.join(&name)).filter(|dir| dir.is_dir()) {
            fs::remove_dir_all(&dir).map_err(|source| Error::Io { path: dir, source })?;
        }
        Ok(())
    }

    fn runtime_name(&self) -> String {
        short_hex(Sha256::new_with_prefix(self.state.as_os_str().as_encoded_bytes()))
    }
}

/// Removes the folders for sockets whose instance has no state any more; answers with how many there were.
#[must_use]
pub fn prune_runtime_dirs() -> usize {
    let folders = runtime_parents().into_iter().flat_map(|parent| fs::read_dir(parent).into_iter().flatten().flatten());
    // An instance that is booted has its state before it has a folder here.
    let is_orphan = |dir: &Path| fs::read_link(dir.join(OWNER)).is_ok_and(|state| !state.exists());
    let orphans = folders.map(|entry| entry.path()).filter(|dir| is_orphan(dir));
    orphans.filter(|dir| fs::remove_dir_all(dir).is_ok()).count()
}

/// Every place where this user's instances may have their sockets.
fn runtime_parents() -> Vec<PathBuf> {
    xdg_runtime_dir().into_iter().chain(private_tmp_dir().ok()).collect()
}

/// A folder of ours in `XDG_RUNTIME_DIR`, if that is this user's, and short enough for a socket's path.
fn xdg_runtime_dir() -> Option<PathBuf> {
    let uid = nix::unistd::geteuid().as_raw();
    let private = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| {
        dir.is_absolute() && dir.as_os_str().len() <= 60 && fs::metadata(dir).is_ok_and(|found| found.uid() == uid)
    });
    private.map(|dir| dir.join("shopctl"))
}

/// This user's private folder in `/tmp`.
pub(crate) fn private_tmp_dir() -> Result<PathBuf, Error> {
    own_dir(PathBuf::from(format!("/tmp/shopctl-{}", nix::unistd::geteuid())))
}

/// Makes a folder of mode 0700; refuses one that somebody else made there first.
fn own_dir(dir: PathBuf) -> Result<PathBuf, Error> {
    let io_error = |source| Error::Io { path: dir.clone(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(io_error)?;
    let found = fs::symlink_metadata(&dir).map_err(io_error)?;
    if !found.is_dir() || found.uid() != nix::unistd::geteuid().as_raw() {
        return Err(Error::Foreign { path: dir });
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).map_err(io_error)?;
    Ok(dir)
}
