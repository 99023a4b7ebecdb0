//! Where binaries, templates and clusters are, so that the account that runs the server gets there.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt, lchown, symlink},
    path::{Path, PathBuf},
};

use super::{Error, Settings, account::Account};

/// Root's folders of other accounts: a home of mode 0700 is closed to them.
const SYSTEM_CACHE: &str = "/var/cache/shopctl/postgresql";
const SYSTEM_DATA: &str = "/var/lib/shopctl/postgres";

#[derive(Debug, Clone)]
pub(super) struct Places {
    /// Downloaded binaries, a folder a version.
    pub(super) binaries: PathBuf,
    /// Templates; beside them, where another account runs the server, the clusters.
    pub(super) templates: PathBuf,
    account: Account,
}

impl Places {
    pub(super) fn new(settings: &Settings, account: &Account) -> Result<Self, Error> {
        let own = settings.cache_home.as_ref().map(|cache| cache.join("shopctl/postgresql"));
        let (binaries, templates) = match account {
            Account::Caller => {
                let own = own.ok_or(Error::NoCache)?;
                (own.clone(), own)
            }
            Account::Other { .. } => {
                (own.filter(|own| account.reaches(own)).unwrap_or_else(|| SYSTEM_CACHE.into()), SYSTEM_DATA.into())
            }
        };
        Ok(Self { binaries, templates, account: account.clone() })
    }

    /// Makes the folder of the templates. Where root works for another account, the folder and the templates stay root's:
    /// that account could else have root follow links of its making.
    pub(super) fn create(&self) -> Result<(), Error> {
        let templates = &self.templates;
        fs::create_dir_all(templates).map_err(Error::io("create", templates))?;
        if let Account::Other { .. } = self.account {
            let permit = |path: &Path, mode| {
                fs::set_permissions(path, fs::Permissions::from_mode(mode))
                    .map_err(Error::io("change the mode of", path))
            };
            templates.parent().map_or(Ok(()), |above| permit(above, 0o755))?;
            lchown(templates, Some(0), Some(0)).map_err(Error::io("keep for root", templates))?;
            permit(templates, 0o711)?;
        }
        Ok(())
    }

    /// Where the cluster that the caller wants at `wanted` really is. Root's clusters are elsewhere and `wanted` is a
    /// link to them, so that data and whoever asks for them stay together: a new state folder never meets old data.
    pub(super) fn cluster(&self, wanted: &Path) -> Result<PathBuf, Error> {
        match &self.account {
            Account::Caller => Ok(wanted.to_owned()),
            Account::Other { .. } => match fs::read_link(wanted) {
                Ok(target) => Ok(target),
                Err(_) => {
                    // Somebody may have made the folder for us; one with something in it is not ours to replace.
                    if wanted.is_dir() {
                        fs::remove_dir(wanted).map_err(Error::io("replace by a link", wanted))?;
                    }
                    let name = wanted.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                    let target = self.templates.join(format!("{name}-{:016x}", rand::random::<u64>()));
                    parent_of(wanted)?;
                    symlink(&target, wanted).map_err(Error::io("link", wanted))?;
                    Ok(target)
                }
            },
        }
    }
}

/// Creates the folder above `path`, private to its owner.
pub(super) fn parent_of(path: &Path) -> Result<(), Error> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(Error::io("create", parent))
}

/// Creates a folder that only its owner can enter, also for a moment.
pub(super) fn private(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new().mode(0o700).create(path).map_err(Error::io("create", path))
}
