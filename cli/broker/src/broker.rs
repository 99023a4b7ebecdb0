//! A broker from its opening to its end.

use std::fs::{self, File, TryLockError};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;
use std::{future::Future, io};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::connection::Connection;
use crate::connections::Connections;
use crate::error::Error;
use crate::node::Node;
use crate::{clock, holder};

/// Open files that connections leave to segments and everything else: a quarter of what the process may have, up to this.
const MOST_RESERVED: u64 = 1024;

/// A broker that has read its data and holds its port; it answers once it [runs](Broker::run).
#[derive(Debug)]
pub struct Broker {
    node: Arc<Node>,
    listener: TcpListener,
    address: SocketAddr,
    /// Locked for as long as it is open.
    _lock: File,
}

impl Broker {
    /// Locks the data directory, reads the logs through (a torn tail is cut) and listens.
    ///
    /// # Errors
    /// The directory is in use or unusable, or the address is taken.
    pub fn open(config: Config) -> Result<Self, Error> {
        let lock = lock(&config)?;
        let listener = listen(config.listen)?;
        let address = listener.local_addr().map_err(|source| Error::Listen { address: config.listen, source })?;
        let node = Node::open(config)?;
        Ok(Self { node, listener, address, _lock: lock })
    }

    /// Where it listens, with the port that port 0 became.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers clients until `shutdown` is done. Whatever was acknowledged is in the files by then.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let Self { node, listener, address, _lock } = self;
        let failed = |source| Error::Listen { address, source };
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|errno| failed(errno.into()))?;
        let connections = Connections::new();
        tracing::info!(%address, data = %node.config.data_dir.display(), "ready");

        // Dropping the set ends whatever runs in it.
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let node = Arc::clone(&node);
            async move { node.groups.keep_time().await }
        });
        tasks.spawn(retain(Arc::clone(&node)));
        tokio::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => accepted,
                Some(_ended) = tasks.join_next() => continue,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let stream = if is_of_the_reserve(stream.as_raw_fd(), soft) {
                        if !connections.make_room().await {
                            tracing::warn!(%peer, "refused: open files run out, and every other client is at work");
                            continue;
                        }
                        lowered(stream)
                    } else {
                        Ok(stream)
                    };
                    match stream {
                        Ok(stream) => {
                            let seat = connections.enter();
                            tasks.spawn(Connection::new(Arc::clone(&node), peer, seat).serve(stream));
                        }
                        Err(error) => tracing::warn!(%peer, %error, "cannot keep a connection"),
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    let too_many = [Errno::EMFILE, Errno::ENFILE].map(|errno| Some(errno as i32));
                    if too_many.contains(&error.raw_os_error()) {
                        connections.make_room().await;
                    }
                    // Trying again at once would only burn the CPU.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        tasks.shutdown().await;
        tracing::info!(%address, "stopped");
        Ok(())
    }
}

/// Whether so many files are open that only the reserve is left: a new one gets the lowest number that is free.
fn is_of_the_reserve(newest: RawFd, limit: u64) -> bool {
    let reserve = (limit / 4).min(MOST_RESERVED);
    u64::try_from(newest).is_ok_and(|newest| newest >= limit - reserve)
}

/// The same connection under the lowest number that is free: the one that made room for it is not used up otherwise, and
/// the next newcomer would take it for a sign that nothing is short.
fn lowered(stream: TcpStream) -> io::Result<TcpStream> {
    let stream = stream.into_std()?;
    let lower = stream.try_clone()?;
    drop(stream);
    TcpStream::from_std(lower)
}

async fn retain(node: Arc<Node>) {
    let mut interval = tokio::time::interval(node.config.retention_interval.max(Duration::from_millis(1)));
    loop {
        interval.tick().await;
        node.retain(clock::now());
    }
}

fn lock(config: &Config) -> Result<File, Error> {
    let dir = &config.data_dir;
    fs::create_dir_all(dir).map_err(|error| Error::io("create", dir, error))?;
    let path = dir.join("lock");
    let file = File::create(&path).map_err(|error| Error::io("create", &path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::DataInUse(dir.clone())),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", &path, error)),
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => Error::AddressTaken { address, holder: holder::of(address.port()) },
        _ => Error::Listen { address, source },
    })
}
