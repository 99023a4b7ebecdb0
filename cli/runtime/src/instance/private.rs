//! Folders outside the state directory, for sockets and for what all instances of a user share.

use std::{
    env, fs,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
};

use sha2::{Digest as _, Sha256};

use super::{Error, Instance, short_hex};

impl Instance {
    /// A folder for the control socket: private, and short, since a socket's path has 107 bytes.
    ///
    /// # Errors
    /// When it cannot be made, or somebody else was there first.
    pub fn create_runtime_dir(&self) -> Result<PathBuf, Error> {
        let uid = nix::unistd::geteuid().as_raw();
        let private = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| {
            dir.is_absolute() && dir.as_os_str().len() <= 60 && fs::metadata(dir).is_ok_and(|found| found.uid() == uid)
        });
        let parent = match private {
            Some(dir) => own_dir(dir.join("shopctl"))?,
            None => private_tmp_dir()?,
        };
        own_dir(parent.join(short_hex(Sha256::new_with_prefix(self.state.as_os_str().as_encoded_bytes()))))
    }
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
