//! Which number each port of an instance has, and whether somebody else has it.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    io::{self, Read as _, Seek as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use shopctl_core::{Manifest, machine::PortTaken};

use crate::{
    instance::{self, Instance},
    proc::{self, Connection},
};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("port {port} of {resource} plus {offset} is no port any more (the highest is 65535)")]
    TooHigh { resource: String, port: u16, offset: u16 },
    #[error("no {BLOCK} free ports in a row below {0}")]
    NoneFree(u16),
    #[error("the manifest has {0} ports, more than the {BLOCK} of a block")]
    TooMany(usize),
    #[error("cannot claim ports in {path}: {source}")]
    Claim { path: PathBuf, source: io::Error },
    #[error("{resource} needs port {}, which {} has", .taken.port, .taken.holder)]
    Taken { resource: String, taken: PortTaken },
    #[error(transparent)]
    Instance(#[from] instance::Error),
}

/// Where an instance's numbers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// The manifest's numbers, plus this.
    Offset(u16),
    /// A block of its own, from this number on.
    Block(u16),
}

/// What the user wants for a new instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Offset(u16),
    Isolated,
}

/// The numbers of an instance's ports, kept from its first `up` on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    base: Base,
    numbers: BTreeMap<String, BTreeMap<String, u16>>,
}

/// Ports in a block.
const BLOCK: u16 = 64;
/// Lower ports are too often taken by something that is not always running.
const LOWEST: u16 = 10_240;
/// From here on the system gives ports to outgoing connections (Linux' default; a lower setting counts).
const HIGHEST: u16 = 32_768;

impl Ports {
    /// Numbers for a new instance with its state in `state`.
    ///
    /// # Errors
    /// When there are no such numbers.
    pub fn choose(manifest: &Manifest, wish: Wish, state: &Path) -> Result<Self, Error> {
        let base = match wish {
            Wish::Offset(offset) => Base::Offset(offset),
            Wish::Isolated => Base::Block(claim(state, manifest.ports().len())?),
        };
        Self { base, numbers: BTreeMap::new() }.complete(manifest)
    }

    /// Numbers for an instance whose record is lost: the block that it has claimed, or what is wished for.
    ///
    /// # Errors
    /// When there are no such numbers.
    pub fn recover(manifest: &Manifest, wish: Wish, state: &Path) -> Result<Self, Error> {
        match with_claims(|claims| Ok(claims.iter().find(|claim| claim.state == state).map(|claim| claim.start)))? {
            Some(start) => Self { base: Base::Block(start), numbers: BTreeMap::new() }.complete(manifest),
            None => Self::choose(manifest, wish, state),
        }
    }

    /// Where its numbers come from.
    #[must_use]
    pub fn base(&self) -> Base {
        self.base
    }

    /// The same with numbers also for ports that the manifest has got since.
    ///
    /// # Errors
    /// When there are no such numbers.
    pub fn complete(mut self, manifest: &Manifest) -> Result<Self, Error> {
        for (resource, name, number) in manifest.ports() {
            if self.get(resource, name).is_some() {
                continue;
            }
            let number = match self.base {
                Base::Offset(offset) => number.checked_add(offset).ok_or_else(|| Error::TooHigh {
                    resource: resource.to_owned(),
                    port: number,
                    offset,
                })?,
                Base::Block(start) => {
                    let taken: Vec<u16> = self.numbers.values().flat_map(BTreeMap::values).copied().collect();
                    let free = (start..start + BLOCK).find(|number| !taken.contains(number));
                    free.ok_or_else(|| Error::TooMany(manifest.ports().len()))?
                }
            };
            self.numbers.entry(resource.to_owned()).or_default().insert(name.to_owned(), number);
        }
        Ok(self)
    }

    #[must_use]
    pub fn get(&self, resource: &str, name: &str) -> Option<u16> {
        self.numbers.get(resource)?.get(name).copied()
    }

    /// The ports of one resource, by name.
    #[must_use]
    pub fn of(&self, resource: &str) -> BTreeMap<String, u16> {
        self.numbers.get(resource).cloned().unwrap_or_default()
    }

    /// Looks whether every port of `resources` can be listened on. A port that an outgoing connection holds is tried
    /// again until that is over or [`Holder::patience`] is, after telling `wait` about it.
    ///
    /// # Errors
    /// The first port that another program has.
    pub fn check(&self, resources: &[&str], mut wait: impl FnMut(u16)) -> Result<(), Error> {
        let began = Instant::now();
        for &resource in resources {
            for number in self.of(resource).into_values() {
                let mut told = false;
                while !is_free(number) {
                    if let Some(holder) = obstacle(number, began.elapsed()) {
                        let taken = PortTaken { port: number, holder };
                        return Err(Error::Taken { resource: resource.to_owned(), taken });
                    }
                    if !told {
                        wait(number);
                        told = true;
                    }
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        }
        Ok(())
    }
}

/// Who has a port that cannot be listened on.
enum Holder {
    Listener(proc::Holder),
    Connection(Connection),
    /// Nobody whom the system shows.
    Unknown,
}

impl Holder {
    fn of(port: u16) -> Self {
        match proc::listener(port) {
            Some(listener) => Self::Listener(listener),
            None => proc::connection(port).map_or(Self::Unknown, Self::Connection),
        }
    }

    /// How long it is waited for. A connection that is closed keeps its port for another minute on Linux.
    fn patience(&self) -> Duration {
        match self {
            Self::Listener(_) => Duration::ZERO,
            Self::Connection(Connection::Closing) => Duration::from_secs(65),
            Self::Connection(Connection::Open(_)) | Self::Unknown => Duration::from_secs(5),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener(holder) => holder.fmt(f),
            Self::Connection(Connection::Open(holder)) => {
                write!(f, "{holder} as the near end of an outgoing connection")
            }
            Self::Connection(Connection::Closing) => f.write_str("a connection that is closing"),
            Self::Unknown => f.write_str("another program"),
        }
    }
}

/// Who has a port that is not free, if it makes no sense to wait any longer after `waited`.
fn obstacle(port: u16, waited: Duration) -> Option<String> {
    let holder = Holder::of(port);
    // It may have become free since it was looked at.
    (waited >= holder.patience() && !is_free(port)).then(|| holder.to_string())
}

/// Who has `port`, in words; `None` if it can be listened on.
#[must_use]
pub fn holder(port: u16) -> Option<String> {
    (!is_free(port)).then(|| Holder::of(port).to_string())
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A block of ports and the state directory of the instance that has it.
#[derive(Debug, Serialize, Deserialize)]
struct Claim {
    start: u16,
    state: PathBuf,
}

/// Finds a block that nobody uses and no other instance has claimed, and claims it for `state`.
fn claim(state: &Path, ports: usize) -> Result<u16, Error> {
    let needed = u16::try_from(ports).ok().filter(|&needed| needed <= BLOCK).ok_or(Error::TooMany(ports))?;
    with_claims(|claims| {
        claims.retain(|claim| claim.state != state);
        let highest = outgoing_ports_start().min(HIGHEST);
        let blocks = highest.saturating_sub(LOWEST) / BLOCK;
        let first = rand::random_range(0..blocks.max(1));
        let start = (0..blocks)
            .map(|n| LOWEST + (first + n) % blocks * BLOCK)
            .find(|&start| !claims.iter().any(|claim| claim.start == start) && (start..start + needed).all(is_free))
            .ok_or(Error::NoneFree(highest))?;
        claims.push(Claim { start, state: state.to_owned() });
        Ok(start)
    })
}

/// Gives back the block of the instance with its state in `state`, if it has one.
///
/// # Errors
/// When the list of claims cannot be used.
pub fn release(state: &Path) -> Result<(), Error> {
    with_claims(|claims| {
        claims.retain(|claim| claim.state != state);
        Ok(())
    })
}

/// Lets `change` work on the claims of all instances that there are, alone.
fn with_claims<T>(change: impl FnOnce(&mut Vec<Claim>) -> Result<T, Error>) -> Result<T, Error> {
    // One place for all instances of this user, whatever their homes are: the ports are the machine's.
    let path = instance::private_tmp_dir()?.join("ports.json");
    let claim_error = |source| Error::Claim { path: path.clone(), source };
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(claim_error)?;
    file.lock().map_err(claim_error)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(claim_error)?;
    // Torn while it was written, it is put together again from what the instances remember.
    let mut claims: Vec<Claim> = serde_json::from_str(&text).unwrap_or_else(|_| remembered_claims());
    claims.retain(|claim| claim.state.exists());
    let answer = change(&mut claims)?;
    let text = serde_json::to_string(&claims).map_err(io::Error::from).map_err(claim_error)?;
    file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(text.as_bytes())).map_err(claim_error)?;
    Ok(answer)
}

fn remembered_claims() -> Vec<Claim> {
    let claim = |instance: Instance| match instance.record().ok()??.ports.base {
        Base::Block(start) => Some(Claim { start, state: instance.state_dir().to_owned() }),
        Base::Offset(_) => None,
    };
    Instance::all().unwrap_or_default().into_iter().filter_map(claim).collect()
}

/// The first port that the system gives to outgoing connections.
fn outgoing_ports_start() -> u16 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_ascii_whitespace().next()?.parse().ok())
        .unwrap_or(HIGHEST)
}

#[cfg(test)]
mod tests {
    use shopctl_core::manifest::Infra;

    use super::*;

    fn manifest(ports: &str) -> Manifest {
        let text = format!("version = 1\n[resource.a]\nkind = \"service\"\ncommand = [\"x\"]\nports = {{ {ports} }}");
        Manifest::parse(&text, Infra::Embedded).expect("the manifest is right")
    }

    #[test]
    fn an_offset_moves_every_port_and_never_past_the_last() {
        let manifest = manifest("x = 50051, y = 8080");
        let ports = Ports::choose(&manifest, Wish::Offset(1000), Path::new("/")).expect("there are such ports");
        assert_eq!((ports.get("a", "x"), ports.get("a", "y")), (Some(51_051), Some(9080)));
        assert!(matches!(Ports::choose(&manifest, Wish::Offset(20_000), Path::new("/")), Err(Error::TooHigh { .. })));
    }

    #[test]
    fn isolated_instances_get_blocks_that_do_not_meet_and_keep_them() {
        let dirs: Vec<_> = (0..4).map(|_| tempfile::tempdir().expect("a temporary directory")).collect();
        let few = manifest("x = 1, y = 2");
        let choose = |dir: &tempfile::TempDir| Ports::choose(&few, Wish::Isolated, dir.path()).expect("ports are free");
        let all: Vec<Ports> = std::thread::scope(|scope| {
            let threads: Vec<_> = dirs.iter().map(|dir| scope.spawn(move || choose(dir))).collect();
            threads.into_iter().map(|thread| thread.join().expect("it finds ports")).collect()
        });
        let mut numbers: Vec<u16> = all.iter().flat_map(|ports| ports.of("a").into_values()).collect();
        assert!(numbers.iter().all(|&number| number < HIGHEST));
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 8);

        let recovered = Ports::recover(&few, Wish::Offset(0), dirs[0].path()).expect("it has claimed a block");
        assert_eq!(recovered, all[0]);
        release(dirs[0].path()).expect("it can be given back");
        let fresh = Ports::recover(&few, Wish::Offset(0), dirs[0].path()).expect("there are such ports");
        assert_eq!(fresh.base(), Base::Offset(0));

        let more = all[0].clone().complete(&manifest("x = 1, y = 2, z = 3")).expect("there is room");
        assert_eq!(more.get("a", "x"), all[0].get("a", "x"));
        assert!(more.get("a", "z").is_some());
    }

    #[test]
    fn a_taken_port_is_found_with_its_holder() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = socket.local_addr().expect("it has an address").port();
        let ports = Ports::choose(&manifest(&format!("x = {port}")), Wish::Offset(0), Path::new("/"))
            .expect("there are such ports");
        let error = ports.check(&["a"], |_| {}).expect_err("we hold it ourselves");
        assert!(error.to_string().contains(&port.to_string()), "{error}");
        #[cfg(target_os = "linux")]
        assert!(error.to_string().contains(&format!("pid {}", std::process::id())), "{error}");
    }
}
