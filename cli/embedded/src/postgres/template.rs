//! A cluster straight from `initdb`, made once for each installed version, that others are copied from.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Binaries, Error, Progress,
    account::Account,
    place::{Places, private},
};

/// Raised when what `initdb` is asked for changes, so that an old template is not taken for a new one.
const REVISION: u32 = 2;

/// The superuser of every cluster.
pub(super) const USER: &str = "shop";
/// What we set, beside the file that `initdb` wrote and the user may edit.
pub(super) const SETTINGS_FILE: &str = "shopctl.conf";

/// The template of these binaries, made if it is not there yet.
pub(super) fn ensure(
    binaries: &Binaries,
    account: &Account,
    places: &Places,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<PathBuf, Error> {
    let target = places.templates.join(name(binaries));
    if target.is_dir() {
        return Ok(target);
    }
    places.create()?;
    let path = places.templates.join("template.lock");
    let lock = File::create(&path).map_err(Error::io("create", &path))?;
    lock.lock().map_err(Error::io("lock", &path))?;
    if target.is_dir() {
        return Ok(target);
    }
    progress(Progress::Initialising);
    let draft = places.templates.join(format!("{}.partial", name(binaries)));
    remove_if_there(&draft)?;
    private(&draft)?;
    account.own(&draft)?;
    run(account.command(&binaries.initdb()).arg("-D").arg(&draft).args([
        "--username",
        USER,
        // Nobody connects before `cluster` has set a password; what follows here closes the door.
        "--auth=trust",
        "--encoding=UTF8",
        // The same order of strings wherever the server comes from.
        "--no-locale",
        // Copies in a tenth of the time of the default, 16 MB.
        "--wal-segsize=4",
        "--no-sync",
        "--no-instructions",
    ]))?;
    account.seal(&draft)?;
    let access = draft.join("pg_hba.conf");
    fs::write(&access, "host all all 127.0.0.1/32 scram-sha-256\n").map_err(Error::io("write", &access))?;
    let config = draft.join("postgresql.conf");
    let mut text = fs::read_to_string(&config).map_err(Error::io("read", &config))?;
    text.push_str(&format!("\ninclude_if_exists = '{SETTINGS_FILE}'\n"));
    fs::write(&config, text).map_err(Error::io("write", &config))?;
    fs::rename(&draft, &target).map_err(Error::io("move into place", &target))?;
    Ok(target)
}

/// Two builds of one version may not share a template: their libraries can differ.
fn name(binaries: &Binaries) -> String {
    let origin: String = binaries
        .dir
        .to_string_lossy()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .collect();
    format!("template-{}{origin}-{REVISION}", binaries.version)
}

/// Runs a program of PostgreSQL to its end; what it said is the error if it failed.
pub(super) fn run(command: &mut Command) -> Result<(), Error> {
    let program = PathBuf::from(command.get_program());
    let output = command.output().map_err(Error::io("run", &program))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::Program { program, detail: format!("{}: {}", output.status, said.trim()) })
}

pub(super) fn remove_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}
