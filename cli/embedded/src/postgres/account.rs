//! Who runs the server: PostgreSQL refuses to run as root.

use std::{
    fs, io,
    os::unix::{
        fs::{MetadataExt, lchown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use nix::unistd::{Uid, User, geteuid};

use super::Error;

/// Created when root has no `postgres` to run the server as.
const DEDICATED: &str = "shopctl";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Account {
    /// The user who called.
    Caller,
    /// Called by root: the server runs as this other user.
    Other { name: String, uid: u32, gid: u32 },
}

impl Account {
    /// Who there is to run it; `None` if root would have to create somebody first.
    pub(super) fn find() -> Result<Option<Self>, Error> {
        if !geteuid().is_root() {
            return Ok(Some(Self::Caller));
        }
        Ok(Self::named("postgres")?.or(Self::named(DEDICATED)?))
    }

    pub(super) fn resolve() -> Result<Self, Error> {
        if let Some(found) = Self::find()? {
            return Ok(found);
        }
        let failure = create();
        // Another process may have created it at the same moment: what counts is that it is there.
        Self::named(DEDICATED)?.ok_or(Error::NoAccount(failure.err().unwrap_or_else(|| "it was not created".into())))
    }

    fn named(name: &str) -> Result<Option<Self>, Error> {
        let user =
            User::from_name(name).map_err(|errno| Error::NoAccount(format!("cannot look up {name}: {errno}")))?;
        Ok(user.filter(|user| user.uid != Uid::from_raw(0)).map(|user| Self::Other {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        }))
    }

    /// A command that this account runs, in a folder that every account can enter.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // The server's own environment can be read by others of its account.
        command.current_dir("/").env_remove("PGPASSWORD");
        if let Self::Other { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid);
        }
        command
    }

    /// Gives a file or folder to this account.
    pub(super) fn own(&self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Caller => Ok(()),
            Self::Other { uid, gid, .. } => {
                lchown(path, Some(*uid), Some(*gid)).map_err(Error::io("hand over to the server's account", path))
            }
        }
    }

    /// Takes a tree back from this account, so that nobody else changes what it holds.
    ///
    /// # Errors
    /// When a link is in it: PostgreSQL makes none here.
    pub(super) fn seal(&self, path: &Path) -> Result<(), Error> {
        let Self::Other { .. } = self else { return Ok(()) };
        let failed = || Error::io("take back from the server's account", path);
        let kind = path.symlink_metadata().map_err(failed())?.file_type();
        if kind.is_symlink() {
            return Err(failed()(io::Error::other("it is a link")));
        }
        lchown(path, Some(0), Some(0)).map_err(failed())?;
        if kind.is_dir() {
            for entry in fs::read_dir(path).map_err(failed())? {
                self.seal(&entry.map_err(failed())?.path())?;
            }
        }
        Ok(())
    }

    /// Whether this account can get to `path`, as far as it exists yet.
    pub(super) fn reaches(&self, path: &Path) -> bool {
        match self {
            Self::Caller => true,
            Self::Other { uid, gid, .. } => path.ancestors().all(|ancestor| {
                let Ok(found) = ancestor.metadata() else { return true };
                let bit = match found {
                    _ if found.uid() == *uid => 0o100,
                    _ if found.gid() == *gid => 0o010,
                    _ => 0o001,
                };
                found.mode() & bit != 0
            }),
        }
    }
}

fn create() -> Result<(), String> {
    // shadow-utils first, then busybox.
    let ways: [(&str, &[&str]); 2] = [
        ("useradd", &["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", DEDICATED]),
        ("adduser", &["-S", "-D", "-H", DEDICATED]),
    ];
    let mut failures = Vec::new();
    for (program, arguments) in ways {
        match Command::new(program).args(arguments).output() {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => failures.push(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())),
            Err(error) => failures.push(format!("{program}: {error}")),
        }
    }
    Err(failures.join("; "))
}
