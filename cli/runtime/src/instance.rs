//! An instance on disk: where it keeps what, who holds it, what it remembers from one boot to the next.

mod holder;
mod last;
mod private;

use std::{
    env,
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use shopctl_core::manifest::Infra;

use crate::{
    ports::{self, Ports},
    proc::Identity,
    secrets::{self, create_private_dir, write_passing, write_private},
    workspace::{MANIFEST, Workspace},
};

pub use holder::Holder;
pub use last::{End, Last};
pub use private::prune_runtime_dirs;

pub(crate) use private::private_tmp_dir;

/// File of what an instance remembers.
pub const RECORD: &str = "instance.json";
/// Form of what is kept on disk; another one is refused.
pub const STATE_VERSION: u32 = 1;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("neither XDG_STATE_HOME nor HOME is an absolute path: there is no place for an instance's state")]
    NoHome,
    #[error("cannot use {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} makes no sense: {source}")]
    Malformed { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Secrets(#[from] secrets::Error),
    #[error(
        "instance {name} was made by another version of shopctl (its state has form {found}, this one knows {STATE_VERSION})"
    )]
    Version { name: String, found: u32 },
    #[error("{path} belongs to another user")]
    Foreign { path: PathBuf },
}

/// What an instance remembers from its first `up` on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub state_version: u32,
    pub name: String,
    pub workspace: PathBuf,
    /// Until the data are removed.
    pub infra: Infra,
    pub ports: Ports,
}

/// Who runs an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    pub supervisor: Identity,
    pub reaper: Identity,
    pub run: String,
    pub version: String,
    pub socket: PathBuf,
}

/// The place of one instance; whether it exists is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    pub name: String,
    state: PathBuf,
}

/// Exclusive right to an instance. It lasts as long as any process holds the file open.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    #[must_use]
    pub fn into_file(self) -> File {
        self.0
    }
}

impl Instance {
    /// The instance of `workspace` with this name.
    ///
    /// # Errors
    /// When there is no home to keep state in.
    pub fn of(workspace: &Workspace, name: &str) -> Result<Self, Error> {
        let mut hash = Sha256::new();
        hash.update(workspace.root.as_os_str().as_encoded_bytes());
        if !workspace.manifest.ends_with(MANIFEST) {
            hash.update(b"\0");
            hash.update(workspace.manifest.as_os_str().as_encoded_bytes());
        }
        Ok(Self { name: name.to_owned(), state: state_home()?.join(format!("{name}-{}", short_hex(hash))) })
    }

    /// The instance that keeps its state in `state`.
    ///
    /// # Errors
    /// When there is none.
    pub fn at(state: &Path) -> Result<Self, Error> {
        /// What the records of all versions have.
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        let name = match read_json(&state.join(RECORD)) {
            Ok(Named { name }) => name,
            // Torn, or an `up` came no further than the lock: the folder has the name, too.
            Err(error) => name_of(state).ok_or(error)?,
        };
        Ok(Self { name, state: state.to_owned() })
    }

    /// Every instance of this user.
    ///
    /// # Errors
    /// When there is no home, or it cannot be read.
    pub fn all() -> Result<Vec<Self>, Error> {
        let home = state_home()?;
        let entries = match fs::read_dir(&home) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::Io { path: home, source }),
        };
        let mut found: Vec<Self> = entries.flatten().filter_map(|entry| Self::at(&entry.path()).ok()).collect();
        found.sort_by(|a, b| a.state.cmp(&b.state));
        Ok(found)
    }

    #[must_use]
    pub fn state_dir(&self) -> &Path {
        &self.state
    }

    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.path("logs")
    }

    #[must_use]
    pub fn secret_dir(&self) -> PathBuf {
        self.path("secrets")
    }

    /// Where resources keep their data.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.path("data")
    }

    /// Makes the instance's folders.
    ///
    /// # Errors
    /// When they cannot be made or belong to somebody else.
    pub fn create(&self) -> Result<(), Error> {
        for dir in [self.state.clone(), self.log_dir(), self.secret_dir(), self.data_dir()] {
            create_private_dir(&dir)?;
        }
        Ok(())
    }

    /// Takes the instance, if nobody has it.
    ///
    /// # Errors
    /// When the lock file cannot be used. `Ok(None)`: somebody runs it.
    pub fn lock(&self) -> Result<Option<Lock>, Error> {
        let path = self.path("lock");
        let io_error = |source| Error::Io { path: path.clone(), source };
        loop {
            let mut options = File::options();
            let file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(io_error)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(io_error(source)),
            }
            // `down --volumes` may have removed the file between open and lock: then this lock is nobody's.
            let same = |found: fs::Metadata, ours: fs::Metadata| found.ino() == ours.ino() && found.dev() == ours.dev();
            let ours = file.metadata().map_err(io_error)?;
            if fs::metadata(&path).is_ok_and(|found| same(found, ours)) {
                return Ok(Some(Lock(file)));
            }
        }
    }

    /// Takes the instance as [`Instance::lock`] does, but waits for whoever is about to let go: for a moment in any case,
    /// since a process that was killed has its files until it is gone and another command may only be looking; for
    /// longer where the supervisor is gone and its reaper ends the rest. Blocks the thread.
    ///
    /// # Errors
    /// As [`Instance::lock`].
    pub fn lock_patiently(&self) -> Result<Option<Lock>, Error> {
        const MOMENT: Duration = Duration::from_millis(200);
        const REAPING: Duration = Duration::from_secs(5);
        let begin = Instant::now();
        loop {
            if let Some(lock) = self.lock()? {
                return Ok(Some(lock));
            }
            let supervised = self.running().ok().flatten().is_some_and(|running| running.supervisor.is_alive());
            if begin.elapsed() > if supervised { MOMENT } else { REAPING } {
                return Ok(None);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether somebody runs it.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.path("lock").exists() && matches!(self.lock(), Ok(None))
    }

    /// When anything last happened to it.
    #[must_use]
    pub fn last_used(&self) -> Option<SystemTime> {
        let files = fs::read_dir(&self.state).into_iter().flatten().flatten();
        files.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()
    }

    /// What it remembers; `None` before its first `up`.
    ///
    /// # Errors
    /// When that cannot be read, or is of another version.
    pub fn record(&self) -> Result<Option<Record>, Error> {
        #[derive(Deserialize)]
        struct Version {
            state_version: u32,
        }
        let path = self.path(RECORD);
        if !path.exists() {
            return Ok(None);
        }
        let found = read_json::<Version>(&path)?.state_version;
        if found != STATE_VERSION {
            return Err(Error::Version { name: self.name.clone(), found });
        }
        read_json(&path).map(Some)
    }

    /// Who runs it, or ran it last.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn running(&self) -> Result<Option<Running>, Error> {
        let path = self.path("supervisor.json");
        if !path.exists() {
            return Ok(None);
        }
        read_json(&path).map(Some)
    }

    /// Keeps `value` in the state directory; the record also beyond a power cut, all else means nothing after one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, name: &str, value: &impl Serialize) -> Result<(), Error> {
        let path = self.path(name);
        let json =
            serde_json::to_vec_pretty(value).map_err(|source| Error::Malformed { path: path.clone(), source })?;
        Ok(if name == RECORD { write_private(&path, &json) } else { write_passing(&path, &json) }?)
    }

    /// Reads back what [`Instance::save`] kept.
    ///
    /// # Errors
    /// When it is not there, or makes no sense.
    pub fn load<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        read_json(&self.path(name))
    }

    /// Removes everything of it: state, sockets, its claim to ports. The caller holds the lock.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn remove(&self, _lock: &Lock) -> Result<(), Error> {
        self.remove_runtime_dirs()?;
        fs::remove_dir_all(&self.state).map_err(|source| Error::Io { path: self.state.clone(), source })?;
        // What cannot be given back now is free all the same once the folder is gone.
        let _ = ports::release(&self.state);
        Ok(())
    }
}

/// The name in that of a state directory, `<name>-<ten hexadecimal digits>`.
fn name_of(state: &Path) -> Option<String> {
    let (name, hash) = state.file_name()?.to_str()?.rsplit_once('-')?;
    let is_ours = hash.len() == 10 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) && state.join("lock").exists();
    is_ours.then(|| name.to_owned())
}

fn state_home() -> Result<PathBuf, Error> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    Ok(home.ok_or(Error::NoHome)?.join("shopctl"))
}

fn short_hex(hash: Sha256) -> String {
    hash.finalize().iter().take(5).map(|byte| format!("{byte:02x}")).collect()
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let bytes = fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes).map_err(|source| Error::Malformed { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::{
        process::{Command, Stdio},
        time::{Duration, Instant},
    };

    use super::*;

    fn instance(dir: &tempfile::TempDir) -> Instance {
        let instance = Instance { name: "x".to_owned(), state: dir.path().join("x-0") };
        instance.create().expect("its folders are made");
        instance
    }

    #[test]
    fn a_lock_lasts_as_long_as_anybody_to_whom_it_was_given() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let instance = instance(&dir);
        let lock = instance.lock().expect("it can be locked").expect("nobody has it");
        assert!(instance.is_locked());
        let mut heir = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::from(lock.into_file()))
            .spawn()
            .expect("cat starts");
        assert!(instance.is_locked());
        drop(heir.stdin.take());
        heir.wait().expect("cat ends");
        // A child that another test forks just now has a copy until its exec.
        let deadline = Instant::now() + Duration::from_secs(10);
        while instance.is_locked() {
            assert!(Instant::now() < deadline, "the lock outlives everyone");
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_another_version_left_is_refused_but_known_by_name() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let instance = instance(&dir);
        assert_eq!(instance.record().expect("there is none"), None);
        let state = STATE_VERSION + 1;
        instance.save("instance.json", &serde_json::json!({ "name": "x", "state_version": state })).expect("saved");
        assert!(matches!(instance.record(), Err(Error::Version { found, .. }) if found == state));
        assert_eq!(Instance::at(instance.state_dir()).expect("it is there"), instance);
    }

    #[test]
    fn a_torn_record_does_not_hide_an_instance() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let state = dir.path().join("a-b-0123456789");
        let instance = Instance { name: "a-b".to_owned(), state: state.clone() };
        instance.create().expect("its folders are made");
        fs::write(instance.path(RECORD), "{\"name\": \"a").expect("half a record is written");
        assert!(matches!(Instance::at(&state), Err(Error::Malformed { .. })), "a folder without a lock is nobody's");
        drop(instance.lock().expect("it can be locked"));
        assert_eq!(Instance::at(&state).expect("it is known"), instance);
        assert!(matches!(instance.record(), Err(Error::Malformed { .. })));
    }

    #[test]
    fn nobody_else_can_look_into_an_instance() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a temporary directory");
        let instance = instance(&dir);
        let sockets = instance.create_runtime_dir().expect("a folder for sockets is made");
        assert!(sockets.as_os_str().len() < 90, "a socket's path has 107 bytes: {}", sockets.display());
        for folder in [instance.state_dir(), &instance.secret_dir(), &instance.data_dir(), &sockets] {
            let mode = fs::metadata(folder).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
        }
        instance.remove_runtime_dirs().expect("it is removed");
        assert!(!sockets.exists());
    }
}
