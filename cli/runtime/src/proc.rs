//! What the system knows about processes: who descends from whom, who carries a marker, who listens where.
//!
//! Linux answers from `/proc`. Elsewhere there is no such place: the answers are empty, and what rests on them (ending
//! what left its process group, naming the holder of a port) is the best effort that remains.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use nix::{sys::signal, unistd::Pid};

use crate::{instance::Instance, process};

/// A process that cannot be mistaken for a later one with the same pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    pub pid: u32,
    /// Clock ticks between boot of the machine and start of the process; 0 where the system does not tell.
    pub start: u64,
}

impl Identity {
    /// The process that has this pid now.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        imp::stat(pid).map(|stat| Self { pid, start: stat.start })
    }

    /// Whether that very process still exists, a zombie included.
    #[must_use]
    pub fn exists(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Whether it can still do anything: a zombie only waits for its parent, maybe for ever.
    #[must_use]
    pub fn is_alive(self) -> bool {
        imp::stat(self.pid).is_some_and(|stat| stat.start == self.start && !stat.zombie)
    }

    /// Signals the process, if it still is the one that was meant. One that is stopped goes on, so as to hear it.
    pub fn signal(self, signal: signal::Signal) {
        if self.exists() {
            // Gone in between, or somebody else's: either way there is nothing left to do.
            let _ = signal::kill(pid(self.pid), signal);
            let _ = signal::kill(pid(self.pid), signal::Signal::SIGCONT);
        }
    }

    /// Signals the process, likewise, and changes nothing else.
    pub fn signal_only(self, signal: signal::Signal) {
        if self.exists() {
            let _ = signal::kill(pid(self.pid), signal);
        }
    }

    /// Signals the process group that this process leads, likewise.
    pub fn signal_group(self, signal: signal::Signal) {
        if self.exists() {
            let _ = signal::killpg(pid(self.pid), signal);
            let _ = signal::killpg(pid(self.pid), signal::Signal::SIGCONT);
        }
    }
}

/// Pids are below 2^22 on Linux; one that does not fit addresses nobody.
fn pid(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX))
}

/// Everything that descends from one of `roots`, zombies left out.
#[must_use]
pub fn descendants(roots: &[u32]) -> Vec<Identity> {
    let mut children: BTreeMap<u32, Vec<imp::Stat>> = BTreeMap::new();
    for stat in imp::all() {
        children.entry(stat.parent).or_default().push(stat);
    }
    let mut found = Vec::new();
    let mut parents = roots.to_vec();
    while let Some(parent) = parents.pop() {
        for stat in children.remove(&parent).unwrap_or_default() {
            parents.push(stat.pid);
            if !stat.zombie {
                found.push(Identity { pid: stat.pid, start: stat.start });
            }
        }
    }
    found
}

/// What descends from `root`, as [`descendants`], at a cost that depends on these alone and not on how many processes
/// the machine has. One that is born or orphaned meanwhile may be missing.
#[must_use]
pub fn family(root: u32) -> Vec<Identity> {
    let Some(children) = imp::children(root) else { return descendants(&[root]) };
    below(children)
}

/// These processes, and what descends from them.
fn below(roots: Vec<u32>) -> Vec<Identity> {
    let mut found = Vec::new();
    let mut rest = roots;
    while let Some(pid) = rest.pop() {
        rest.extend(imp::children(pid).unwrap_or_default());
        if let Some(stat) = imp::stat(pid).filter(|stat| !stat.zombie) {
            found.push(Identity { pid, start: stat.start });
        }
    }
    found
}

/// What a process has used and uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Clock ticks of the CPU.
    pub ticks: u64,
    /// Bytes in memory that are its own, and that it may share.
    pub private: u64,
    pub shared: u64,
}

impl Identity {
    /// What it uses; `None` where it is gone, or the system does not tell.
    #[must_use]
    pub fn usage(self) -> Option<Usage> {
        imp::usage(self.pid)
    }
}

/// Every live process whose environment at its start had all of `variables` (`KEY=VALUE`).
#[must_use]
pub fn marked(variables: &[String]) -> Vec<Identity> {
    imp::all()
        .filter(|stat| !stat.zombie && stat.pid != std::process::id() && is_marked(stat.pid, variables))
        .map(|stat| Identity { pid: stat.pid, start: stat.start })
        .collect()
}

fn is_marked(pid: u32, variables: &[String]) -> bool {
    imp::environment(pid).is_some_and(|environment| {
        variables.iter().all(|wanted| environment.split(|&b| b == 0).any(|one| one == wanted.as_bytes()))
    })
}

/// What a child of this process left when it ended and was waited for: who is marked with all of `variables`, and who
/// still is in the process group that it led. All of them descend from an orphan, and orphans are this process's
/// siblings, since its parent is their subreaper: mostly there are none.
#[must_use]
pub fn left_by(leader: Identity, variables: &[String]) -> Vec<Identity> {
    let Some(siblings) = imp::children(nix::unistd::getppid().as_raw().cast_unsigned()) else {
        return marked(variables);
    };
    let orphans = siblings.into_iter().filter(|&pid| pid != std::process::id()).collect();
    // A pid is not given away while a group has it as its name: if somebody has it now, the group is another's.
    let is_group_ours = Identity::of(leader.pid).is_none();
    let in_group = |pid| is_group_ours && imp::stat(pid).is_some_and(|stat| stat.group == leader.pid);
    let mut found = below(orphans);
    found.retain(|identity| in_group(identity.pid) || is_marked(identity.pid, variables));
    found
}

/// Whoever has a TCP port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub pid: Option<u32>,
    /// The command line, shortened.
    pub command: Option<String>,
    /// Where shopctl itself has started it.
    pub owner: Option<Owner>,
}

/// What a process says about where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub instance: String,
    pub resource: String,
    pub workspace: Option<PathBuf>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, &self.command) {
            (Some(pid), Some(command)) => write!(f, "pid {pid} ({command})")?,
            (Some(pid), None) => write!(f, "pid {pid}")?,
            (None, _) => f.write_str("a process of another user")?,
        }
        match &self.owner {
            Some(Owner { instance, resource, workspace: Some(workspace) }) => {
                write!(f, ", {resource} of shopctl's instance {instance} in {},", workspace.display())
            }
            Some(Owner { instance, resource, workspace: None }) => {
                write!(f, ", {resource} of shopctl's instance {instance},")
            }
            None => Ok(()),
        }
    }
}

/// Who listens on `port` of this machine, on whatever address; `None` if nobody does.
#[must_use]
pub fn listener(port: u16) -> Option<Holder> {
    imp::sockets(port).find(|socket| socket.state == imp::LISTENS).map(|socket| holder(socket.inode))
}

/// An outgoing connection that has a port as its near end, so that nobody can listen there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    Open(Holder),
    /// Closed by its process; the system keeps the port for a minute.
    Closing,
}

/// The outgoing connection that has `port` of this machine, if one has.
#[must_use]
pub fn connection(port: u16) -> Option<Connection> {
    let sockets: Vec<_> = imp::sockets(port).filter(|socket| socket.state != imp::LISTENS).collect();
    // Without an inode it belongs to no process any more.
    match sockets.iter().find(|socket| socket.inode != 0) {
        Some(open) => Some(Connection::Open(holder(open.inode))),
        None => (!sockets.is_empty()).then_some(Connection::Closing),
    }
}

fn holder(inode: u64) -> Holder {
    let pid = imp::socket_owner(inode);
    Holder { pid, command: pid.and_then(imp::command), owner: pid.and_then(owner) }
}

fn owner(pid: u32) -> Option<Owner> {
    let environment = imp::environment(pid)?;
    let value = |name: &str| {
        let mut entries = environment.split(|&byte| byte == 0);
        let value = entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
        Some(String::from_utf8_lossy(value).chars().filter(|c| !c.is_control()).collect::<String>())
    };
    let state = value(process::STATE).and_then(|state| Instance::at(Path::new(&state)).ok());
    let record = state.and_then(|instance| instance.record().ok().flatten());
    Some(Owner {
        instance: value(process::INSTANCE)?,
        resource: value(process::RESOURCE)?,
        workspace: record.map(|record| record.workspace),
    })
}

#[cfg(target_os = "linux")]
mod imp {
    use std::fs;

    pub(super) struct Stat {
        pub(super) pid: u32,
        pub(super) parent: u32,
        pub(super) group: u32,
        pub(super) start: u64,
        pub(super) zombie: bool,
    }

    pub(super) fn stat(pid: u32) -> Option<Stat> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything, parentheses too: what follows the last one is regular.
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let start = fields.nth(16)?.parse().ok()?;
        Some(Stat { pid, parent, group, start, zombie: matches!(state, "Z" | "X") })
    }

    pub(super) fn pids() -> impl Iterator<Item = u32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
    }

    pub(super) fn all() -> impl Iterator<Item = Stat> {
        pids().filter_map(stat)
    }

    pub(super) fn usage(pid: u32) -> Option<super::Usage> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
        let mut pages = text.split_ascii_whitespace().skip(1).map_while(|field| field.parse::<u64>().ok());
        let (resident, shared) = (pages.next()?, pages.next()?);
        let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten()?.unsigned_abs();
        let private = resident.saturating_sub(shared) * page;
        Some(super::Usage { ticks: user + system, private, shared: shared * page })
    }

    /// The children of all threads of a process; `None` if that cannot be read.
    pub(super) fn children(pid: u32) -> Option<Vec<u32>> {
        let mut found = Vec::new();
        for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
            match fs::read_to_string(thread.path().join("children")) {
                Ok(text) => found.extend(text.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok())),
                // The thread has ended, or this kernel keeps no such list.
                Err(_) if thread.path().exists() => return None,
                Err(_) => {}
            }
        }
        Some(found)
    }

    pub(super) fn environment(pid: u32) -> Option<Vec<u8>> {
        fs::read(format!("/proc/{pid}/environ")).ok()
    }

    pub(super) fn command(pid: u32) -> Option<String> {
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let words: Vec<_> =
            bytes.split(|&b| b == 0).filter(|word| !word.is_empty()).map(String::from_utf8_lossy).collect();
        let line: String = words.join(" ").chars().map(|c| if c.is_control() { '?' } else { c }).take(80).collect();
        (!line.is_empty()).then_some(line)
    }

    /// The state of a socket that listens, in the kernel's numbers.
    pub(super) const LISTENS: u8 = 0x0A;

    pub(super) struct Socket {
        pub(super) state: u8,
        pub(super) inode: u64,
    }

    /// Every socket whose near end is `port`.
    pub(super) fn sockets(port: u16) -> impl Iterator<Item = Socket> {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().filter_map(|path| fs::read_to_string(path).ok());
        let wanted = format!(":{port:04X} ");
        let lines = tables.flat_map(move |table| {
            // Thousands of connections may be there; few have this port at either end.
            table.lines().filter(|line| line.contains(&wanted)).map(str::to_owned).collect::<Vec<_>>()
        });
        lines.filter_map(move |line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
            let state = u8::from_str_radix(fields.get(3)?, 16).ok()?;
            let inode = fields.get(9)?.parse().ok()?;
            (u16::from_str_radix(local_port, 16) == Ok(port)).then_some(Socket { state, inode })
        })
    }

    pub(super) fn socket_owner(inode: u64) -> Option<u32> {
        let wanted = format!("socket:[{inode}]");
        pids().find(|pid| {
            let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            descriptors
                .into_iter()
                .any(|fd| fs::read_link(fd.path()).is_ok_and(|link| link.as_os_str() == wanted.as_str()))
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) struct Stat {
        pub(super) pid: u32,
        pub(super) parent: u32,
        pub(super) group: u32,
        pub(super) start: u64,
        pub(super) zombie: bool,
    }

    pub(super) fn stat(pid: u32) -> Option<Stat> {
        nix::sys::signal::kill(super::pid(pid), None).ok().map(|()| Stat {
            pid,
            parent: 0,
            group: 0,
            start: 0,
            zombie: false,
        })
    }

    pub(super) fn all() -> impl Iterator<Item = Stat> {
        std::iter::empty()
    }

    pub(super) fn children(_pid: u32) -> Option<Vec<u32>> {
        None
    }

    pub(super) fn usage(_pid: u32) -> Option<super::Usage> {
        None
    }

    pub(super) fn environment(_pid: u32) -> Option<Vec<u8>> {
        None
    }

    pub(super) fn command(_pid: u32) -> Option<String> {
        None
    }

    pub(super) const LISTENS: u8 = 0x0A;

    pub(super) struct Socket {
        pub(super) state: u8,
        pub(super) inode: u64,
    }

    pub(super) fn sockets(_port: u16) -> impl Iterator<Item = Socket> {
        std::iter::empty()
    }

    pub(super) fn socket_owner(_inode: u64) -> Option<u32> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        net::{TcpListener, TcpStream},
        process::Command,
        time::{Duration, Instant},
    };

    use super::*;

    #[test]
    fn a_process_is_found_by_descent_and_by_marker_and_known_by_its_start() {
        let marker = format!("SHOPCTL_TEST_MARKER={}", std::process::id());
        let (key, value) = marker.split_once('=').expect("the marker has a value");
        let mut child = Command::new("sleep").arg("60").env(key, value).spawn().expect("sleep starts");
        let identity = Identity::of(child.id()).expect("the child is there");
        // Until its exec the child still has our environment.
        while marked(std::slice::from_ref(&marker)).is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(marked(std::slice::from_ref(&marker)), [identity]);
        assert!(descendants(&[std::process::id()]).contains(&identity));
        assert!(family(std::process::id()).contains(&identity));
        assert!(identity.exists());
        assert!(!Identity { start: identity.start + 1, ..identity }.exists());
        assert!(identity.is_alive());
        identity.signal(signal::Signal::SIGKILL);
        while identity.is_alive() {
            std::thread::yield_now();
        }
        assert!(identity.exists(), "a zombie until it is waited for");
        child.wait().expect("the child ends");
        assert!(!identity.exists());
    }

    #[test]
    fn whoever_listens_is_named() {
        let listener_socket = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener_socket.local_addr().expect("it has an address").port();
        let holder = listener(port).expect("somebody listens");
        assert_eq!(holder.pid, Some(std::process::id()));
        drop(listener_socket);
        assert_eq!(listener(port), None);
    }

    #[test]
    fn an_outgoing_connection_is_told_from_a_listener_and_from_one_that_is_over() {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let client = TcpStream::connect(server.local_addr().expect("it has an address")).expect("it connects");
        let port = client.local_addr().expect("it has an address").port();
        let (accepted, _) = server.accept().expect("it is accepted");
        assert_eq!(listener(port), None);
        let open = connection(port);
        assert!(matches!(&open, Some(Connection::Open(holder)) if holder.pid == Some(std::process::id())), "{open:?}");
        // Whoever closes first keeps the port.
        drop(client);
        drop(accepted);
        let deadline = Instant::now() + Duration::from_secs(20);
        while connection(port) != Some(Connection::Closing) {
            assert!(Instant::now() < deadline, "{:?}", connection(port));
            std::thread::yield_now();
        }
    }
}
