//! Finding server binaries.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Error, Progress, Settings, account::Account, download, place::Places};

/// A release of PostgreSQL; a beta counts as its major's minor 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
}

impl Version {
    /// Older ones lack what the services use, or have no support upstream.
    pub const OLDEST_MAJOR: u32 = 14;

    /// Reads what `postgres -V` prints, such as `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
    fn parse(printed: &str) -> Option<Self> {
        let number = printed.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
        let digits = |text: &str| -> Option<u32> {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            text.get(..end)?.parse().ok()
        };
        let (major, minor) = number.split_once('.').unwrap_or((number, ""));
        Some(Self { major: digits(major)?, minor: digits(minor).unwrap_or(0) })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A folder that holds `postgres` and `initdb` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    pub dir: PathBuf,
    pub version: Version,
}

impl Binaries {
    pub(super) fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    /// Asks the `postgres` in `dir` what it is; links are resolved, since a server looks for its files beside itself.
    fn probe(dir: &Path) -> Result<Self, String> {
        let program = dir.join("postgres");
        let program = program.canonicalize().map_err(|error| format!("{}: {error}", program.display()))?;
        let dir = program.parent().unwrap_or(Path::new("/")).to_owned();
        if !dir.join("initdb").is_file() {
            return Err(format!("{} has no initdb beside it", program.display()));
        }
        let output = Command::new(&program)
            .arg("-V")
            .current_dir("/")
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let version = Version::parse(&printed).ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            format!("{} -V said {:?}", program.display(), format!("{printed}{said}").trim())
        })?;
        Ok(Self { dir, version })
    }
}

/// All suitable PostgreSQLs on this machine, the newest first.
fn installed(settings: &Settings) -> Vec<Binaries> {
    suitable(candidates(settings))
}

/// The binaries that new clusters get; downloaded if need be.
pub(super) fn choose(
    settings: &Settings,
    account: &Account,
    places: &Places,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Binaries, Error> {
    if let Some(found) = present(settings, account, places)? {
        return Ok(found);
    }
    let dir = download::fetch(&places.binaries, progress)?;
    Binaries::probe(&dir.join("bin")).map_err(Error::Download)
}

/// What can be used without a download, the best of it.
pub(super) fn present(settings: &Settings, account: &Account, places: &Places) -> Result<Option<Binaries>, Error> {
    if let Some(dir) = &settings.bin {
        return overridden(dir, account).map(Some);
    }
    let installed = if settings.download_only { Vec::new() } else { installed(settings) };
    let mut usable = installed.into_iter().filter(|found| account.reaches(&found.dir));
    Ok(usable.next().or_else(|| downloaded(places).into_iter().next()))
}

/// The binaries for a cluster that belongs to `major` already.
pub(super) fn of_major(
    major: u32,
    data: &Path,
    settings: &Settings,
    account: &Account,
    places: &Places,
) -> Result<Binaries, Error> {
    let fits = |found: &Binaries| found.version.major == major;
    let found = match &settings.bin {
        Some(dir) => Some(overridden(dir, account)?).filter(fits),
        None => {
            let installed = if settings.download_only { Vec::new() } else { installed(settings) };
            let mut usable = installed.into_iter().filter(|found| account.reaches(&found.dir));
            // Each look at a version starts a program: only if need be.
            usable.find(fits).or_else(|| downloaded(places).into_iter().find(fits))
        }
    };
    found.ok_or_else(|| Error::OtherMajor { data: data.to_owned(), major })
}

fn overridden(dir: &Path, account: &Account) -> Result<Binaries, Error> {
    let found = Binaries::probe(dir).map_err(|why| Error::BadOverride(dir.to_owned(), why))?;
    if found.version.major < Version::OLDEST_MAJOR {
        return Err(Error::TooOld { dir: found.dir, version: found.version });
    }
    match account {
        Account::Other { name, .. } if !account.reaches(&found.dir) => {
            Err(Error::BadOverride(dir.to_owned(), format!("the account {name}, which runs it, cannot get there")))
        }
        Account::Other { .. } | Account::Caller => Ok(found),
    }
}

fn downloaded(places: &Places) -> Vec<Binaries> {
    suitable(subfolders(&places.binaries).into_iter().map(|dir| dir.join("bin")).collect())
}

fn suitable(dirs: Vec<PathBuf>) -> Vec<Binaries> {
    // PATH often leads to one that is known already.
    let mut programs: Vec<PathBuf> = Vec::new();
    for program in dirs.iter().filter_map(|dir| dir.join("postgres").canonicalize().ok()) {
        if !programs.contains(&program) {
            programs.push(program);
        }
    }
    let mut found: Vec<Binaries> = Vec::new();
    for dir in programs.iter().filter_map(|program| program.parent()) {
        match Binaries::probe(dir) {
            Ok(binaries) if binaries.version.major < Version::OLDEST_MAJOR => {}
            Ok(binaries) => found.push(binaries),
            Err(why) => tracing::debug!(why, "not a usable PostgreSQL"),
        }
    }
    found.sort_by_key(|binaries| std::cmp::Reverse(binaries.version));
    found
}

/// Where the packages of Debian, Fedora, Homebrew and Postgres.app put servers, and whatever PATH leads to.
fn candidates(settings: &Settings) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = Vec::new();
    dirs.extend(subfolders("/usr/lib/postgresql").into_iter().map(|version| version.join("bin")));
    dirs.extend(named_like("/usr", "pgsql-"));
    dirs.push("/usr/bin".into());
    for cellar in ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"] {
        dirs.extend(named_like(cellar, "postgresql"));
    }
    dirs.extend(named_like("/Applications/Postgres.app/Contents/Versions", ""));
    dirs.extend(settings.path.iter().filter(|dir| dir.is_absolute()).cloned());
    dirs
}

fn named_like(dir: &str, prefix: &str) -> Vec<PathBuf> {
    let starts = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    subfolders(dir).into_iter().filter(starts).map(|found| found.join("bin")).collect()
}

fn subfolders(dir: impl AsRef<Path>) -> Vec<PathBuf> {
    // A folder that is not there, or closed, holds no PostgreSQL for us.
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_what_distributions_print() {
        let version = |major, minor| Some(Version { major, minor });
        assert_eq!(Version::parse("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), version(15, 18));
        assert_eq!(Version::parse("postgres (PostgreSQL) 17.11\n"), version(17, 11));
        assert_eq!(Version::parse("postgres (PostgreSQL) 19beta2\n"), version(19, 0));
        assert_eq!(Version::parse("a shell script\n"), None);
    }

    #[test]
    fn a_folder_without_a_server_is_refused_by_name() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let error = overridden(empty.path(), &Account::Caller).expect_err("nothing is in it");
        assert!(error.to_string().contains(&empty.path().display().to_string()), "{error}");
        assert!(error.hint().is_some());
    }
}
