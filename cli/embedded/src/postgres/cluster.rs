//! One cluster: copied from the template at its first start, then started by whatever runs of its own major.

use std::{
    convert::Infallible,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    Binaries, Error, Settings,
    account::Account,
    binaries,
    place::{Places, parent_of, private},
    template::{self, SETTINGS_FILE, USER, remove_if_there, run},
};

/// What a power cut may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: every commit is on the disk.
    PowerCut,
    /// Everything; only a kill of any process costs nothing. For tests.
    ProcessKill,
}

/// The cluster that is wanted.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Name of its one database: lower-case letters, digits, `_`.
    pub database: String,
    /// Folder of the cluster; for root, a link to it is made here.
    pub data: PathBuf,
    /// Port on 127.0.0.1, the only address listened on.
    pub port: u16,
    /// Of the user `shop`. Counts when the cluster is made; it keeps the first one.
    pub password: String,
    pub durability: Durability,
}

impl Spec {
    /// The address for clients.
    pub fn url(&self) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{}", self.password, self.port, self.database)
    }
}

/// Creates the cluster if it is not there, writes its settings, and answers with the command that serves it.
///
/// # Errors
/// When no binaries of the cluster's major are here, or a file or program fails.
pub fn prepare(spec: &Spec, settings: &Settings) -> Result<Command, Error> {
    check_name(&spec.database)?;
    let account = Account::resolve()?;
    let places = Places::new(settings, &account)?;
    let data = places.cluster(&spec.data)?;
    let binaries = match major_of(&data)? {
        Some(major) => binaries::of_major(major, &data, settings, &account, &places)?,
        None => {
            let binaries = binaries::choose(settings, &account, &places, &|_| {})?;
            create(spec, &data, &binaries, &account, &places)?;
            binaries
        }
    };
    write_settings(spec, &data, &account)?;
    let mut command = account.command(&binaries.postgres());
    command.arg("-D").arg(&data);
    Ok(command)
}

/// Becomes the server: the process, its pid and its output stay, so whoever supervises this one supervises it.
///
/// # Errors
/// As [`prepare`], and when the program cannot be executed.
pub fn exec(spec: &Spec, settings: &Settings) -> Result<Infallible, Error> {
    let mut command = prepare(spec, settings)?;
    let program = PathBuf::from(command.get_program());
    Err(Error::io("execute", program)(command.exec()))
}

/// Removes a stopped cluster, wherever it is. One that is not there is fine.
///
/// # Errors
/// When something cannot be removed.
pub fn remove(data: &Path) -> Result<(), Error> {
    let Ok(target) = fs::read_link(data) else {
        remove_if_there(&draft_of(data))?;
        return remove_if_there(data);
    };
    remove_if_there(&draft_of(&target))?;
    remove_if_there(&target)?;
    fs::remove_file(data).map_err(Error::io("remove", data))
}

/// Where a cluster is made. A kill in the middle leaves only this, which the next attempt replaces.
fn draft_of(data: &Path) -> PathBuf {
    let mut draft = data.as_os_str().to_owned();
    draft.push(".partial");
    draft.into()
}

fn create(spec: &Spec, data: &Path, binaries: &Binaries, account: &Account, places: &Places) -> Result<(), Error> {
    let template = template::ensure(binaries, account, places, &|_| {})?;
    parent_of(data)?;
    let draft = draft_of(data);
    remove_if_there(&draft)?;
    copy(&template, &draft, account)?;
    let quoted = spec.password.replace('\'', "''");
    let sql = format!("ALTER ROLE {USER} PASSWORD '{quoted}'\nCREATE DATABASE {}\n", spec.database);
    single_user(binaries, account, &draft, &sql)?;
    if spec.durability == Durability::PowerCut {
        run(account.command(&binaries.initdb()).args(["--sync-only", "-D"]).arg(&draft))?;
    }
    fs::rename(&draft, data).map_err(Error::io("move into place", data))
}

/// Runs statements, one a line, without a server that listens: there are no client programs in the downloaded archive.
fn single_user(binaries: &Binaries, account: &Account, data: &Path, sql: &str) -> Result<(), Error> {
    let program = binaries.postgres();
    let failed = |detail: String| Error::Program { program: program.clone(), detail };
    let mut child = account
        .command(&program)
        .args(["--single", "-D"])
        .arg(data)
        // Without it a failed statement would go unnoticed; fsync comes for all files at once.
        .args(["-c", "exit_on_error=on", "-c", "fsync=off", "-c", "log_checkpoints=off", "template1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::io("run", &program))?;
    // A server that has died already tells more by its own words than by the broken pipe.
    let written = child.stdin.take().map(|mut input| input.write_all(sql.as_bytes()));
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        // The statement may hold the password.
        let said: Vec<&str> = said.lines().filter(|line| !line.contains("STATEMENT:")).collect();
        return Err(failed(format!("{}: {}", output.status, said.join("; ").trim())));
    }
    written.transpose().map(drop).map_err(|error| failed(error.to_string()))
}

fn write_settings(spec: &Spec, data: &Path, account: &Account) -> Result<(), Error> {
    let durable = match spec.durability {
        Durability::PowerCut => "on",
        Durability::ProcessKill => "off",
    };
    let text = format!(
        "# Written by shopctl at every start; settings of your own belong in postgresql.conf, above its last line.\n\
         listen_addresses = '127.0.0.1'\n\
         port = {port}\n\
         unix_socket_directories = ''\n\
         max_connections = 100\n\
         password_encryption = 'scram-sha-256'\n\
         cluster_name = '{name}'\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         log_destination = 'stderr'\n\
         logging_collector = off\n\
         log_checkpoints = off\n\
         log_line_prefix = '[%p] '\n\
         shared_buffers = '32MB'\n\
         max_wal_size = '256MB'\n\
         min_wal_size = '32MB'\n\
         wal_level = minimal\n\
         max_wal_senders = 0\n\
         max_worker_processes = 0\n\
         max_logical_replication_workers = 0\n\
         max_parallel_workers_per_gather = 0\n\
         max_parallel_maintenance_workers = 0\n\
         jit = off\n\
         fsync = {durable}\n\
         full_page_writes = {durable}\n",
        port = spec.port,
        name = spec.database,
    );
    let path = data.join(SETTINGS_FILE);
    let draft = data.join(format!("{SETTINGS_FILE}.draft"));
    let written = write_new(&draft, &text).or_else(|error| match error.kind() {
        // Left by a kill in the middle.
        io::ErrorKind::AlreadyExists => fs::remove_file(&draft).and_then(|()| write_new(&draft, &text)),
        _ => Err(error),
    });
    written.map_err(Error::io("write", &draft))?;
    account.own(&draft)?;
    fs::rename(&draft, &path).map_err(Error::io("write", &path))
}

/// Never through a link: the folder is the server's account's, and the writer may be root.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

fn major_of(data: &Path) -> Result<Option<u32>, Error> {
    let path = data.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| {
            Error::io("read", &path)(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{:?} is no major", text.trim()),
            ))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", &path)(error)),
    }
}

fn check_name(database: &str) -> Result<(), Error> {
    let letter = |c: char| c.is_ascii_lowercase() || c == '_';
    let good = database.len() <= 63
        && database.starts_with(letter)
        && database.chars().all(|c| letter(c) || c.is_ascii_digit());
    good.then_some(()).ok_or_else(|| Error::DatabaseName { name: database.to_owned() })
}

/// Copies a tree of plain files and folders with its modes; the file system shares the blocks where it can.
fn copy(from: &Path, to: &Path, account: &Account) -> Result<(), Error> {
    private(to)?;
    for entry in fs::read_dir(from).map_err(Error::io("read", from))? {
        let entry = entry.map_err(Error::io("read", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(Error::io("read", &source))?.is_dir() {
            copy(&source, &target, account)?;
        } else {
            fs::copy(&source, &target).map_err(Error::io("copy", &source))?;
            account.own(&target)?;
        }
    }
    // Last, so that nobody comes in between.
    account.own(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_become_databases() {
        for good in ["account_db", "_", "db1"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "1db", "Account", "a-b", "a;drop", "é", &"a".repeat(64)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
