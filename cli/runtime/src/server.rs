//! The control socket, on the supervisor's side: one task per connection, all questions go to the supervisor's loop.

use std::{
    io,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use shopctl_protocol::{Connection, LogFilter, Reply, Request, Snapshot, Update, VERSION};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{broadcast, mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

/// What a connection wants of the supervisor.
#[derive(Debug)]
pub(crate) enum Ask {
    Reply(Request, oneshot::Sender<Reply>),
    Watch {
        lines: bool,
        figures: bool,
        answer: oneshot::Sender<Watching>,
    },
    /// The connection with this number wants to hold the lease.
    Lease(u64, oneshot::Sender<Reply>),
    Release(u64, oneshot::Sender<Reply>),
    /// The connection with this number is gone.
    Gone(u64),
}

/// All that follows a snapshot.
#[derive(Debug)]
pub(crate) struct Watching {
    pub(crate) snapshot: Snapshot,
    pub(crate) changes: broadcast::Receiver<Arc<Update>>,
    pub(crate) lines: Option<broadcast::Receiver<Arc<Update>>>,
    pub(crate) figures: Option<(broadcast::Receiver<Arc<Update>>, watch::Receiver<()>)>,
}

/// At least between two words that something was logged.
const NEWS: Duration = Duration::from_millis(33);
/// How long a watcher is given for the last updates.
const FAREWELL: Duration = Duration::from_secs(1);

/// The listening socket and its connections.
pub(crate) struct Server {
    listener: UnixListener,
    connections: JoinSet<()>,
    asks: mpsc::UnboundedSender<Ask>,
    count: Arc<AtomicU64>,
}

impl Server {
    /// Listens at `path`, for this user only. Whoever calls holds the instance's lock: a socket that is there is dead.
    pub(crate) fn bind(path: &Path, asks: mpsc::UnboundedSender<Ask>) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, connections: JoinSet::new(), asks, count: Arc::default() })
    }

    /// Accepts one connection. Safe to cancel.
    pub(crate) async fn accept(&mut self) {
        tokio::select! {
            accepted = self.listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let number = self.count.fetch_add(1, Ordering::Relaxed);
                    self.connections.spawn(serve(stream, number, self.asks.clone()));
                }
                // Out of descriptors, most likely: those in use will be free again.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = self.connections.join_next() => {}
        }
    }

    /// Lets watchers read what is on its way, then hangs up.
    pub(crate) async fn close(mut self) {
        drop(self.listener);
        drop(self.asks);
        let _ = timeout(FAREWELL, async { while self.connections.join_next().await.is_some() {} }).await;
    }
}

async fn serve(stream: UnixStream, number: u64, asks: mpsc::UnboundedSender<Ask>) {
    let mut connection = Connection::new(stream);
    // An error is the end of this connection and of nothing else.
    let _ = converse(&mut connection, number, &asks).await;
    let _ = asks.send(Ask::Gone(number));
}

async fn converse(
    connection: &mut Connection,
    number: u64,
    asks: &mpsc::UnboundedSender<Ask>,
) -> Result<(), shopctl_protocol::Error> {
    match request(connection, asks).await? {
        Some(Request::Hello { protocol: VERSION, version: _ }) => {
            connection.send(&Reply::Welcome { version: env!("CARGO_PKG_VERSION").to_owned() }).await?;
        }
        Some(Request::Hello { protocol, version }) => {
            let why = format!(
                "this instance is run by shopctl {} (protocol {VERSION}), you have {version} (protocol {protocol})",
                env!("CARGO_PKG_VERSION")
            );
            return connection.send(&Reply::Refused { why }).await;
        }
        Some(_) => return connection.send(&Reply::Refused { why: "say hello first".to_owned() }).await,
        None => return Ok(()),
    }
    while let Some(request) = request(connection, asks).await? {
        let (answer, answered) = oneshot::channel();
        let ask = match request {
            Request::Watch { lines, figures } => return watch(connection, &lines, figures, asks).await,
            Request::Lease => Ask::Lease(number, answer),
            Request::Release => Ask::Release(number, answer),
            request @ (Request::Hello { .. }
            | Request::Status
            | Request::Why { .. }
            | Request::Env { .. }
            | Request::Act { .. }
            | Request::Failpoint { .. }
            | Request::SetFault { .. }
            | Request::ClearFaults { .. }
            | Request::Stop { .. }) => Ask::Reply(request, answer),
        };
        let _ = asks.send(ask);
        let Ok(reply) = answered.await else { return Ok(()) };
        connection.send(&reply).await?;
    }
    Ok(())
}

/// The next request; none once the client has hung up, or nobody is left to answer: who holds a connection without asking
/// anything, as the foreground `up` holds its lease, must not keep the supervisor.
async fn request(
    connection: &mut Connection,
    asks: &mpsc::UnboundedSender<Ask>,
) -> Result<Option<Request>, shopctl_protocol::Error> {
    tokio::select! {
        request = connection.receive() => request,
        () = asks.closed() => Ok(None),
    }
}

async fn watch(
    connection: &mut Connection,
    filter: &LogFilter,
    with_figures: bool,
    asks: &mpsc::UnboundedSender<Ask>,
) -> Result<(), shopctl_protocol::Error> {
    loop {
        let (answer, answered) = oneshot::channel();
        let _ = asks.send(Ask::Watch { lines: *filter != LogFilter::None, figures: with_figures, answer });
        let Ok(Watching { snapshot, mut changes, mut lines, mut figures }) = answered.await else { return Ok(()) };
        connection.send(&Update::Snapshot { snapshot }).await?;
        let mut next_news = Instant::now();
        loop {
            tokio::select! {
                // A change is rare, and of more interest than any line.
                biased;
                change = changes.recv() => match change {
                    Ok(change) => {
                        if *change == Update::Down {
                            say_rest(connection, filter, &mut lines).await?;
                            // The channel may stay open: a grandchild that got away can still hold a pipe to the log.
                            return connection.send(&*change).await;
                        }
                        connection.send(&*change).await?;
                    }
                    Err(broadcast::error::RecvError::Lagged(updates)) => {
                        connection.send(&Update::Missed { updates }).await?;
                        break;
                    }
                    Err(broadcast::error::RecvError::Closed) => return Ok(()),
                },
                Some(update) = next_figures(&mut figures, next_news) => {
                    if *update == Update::Logged {
                        next_news = Instant::now() + NEWS;
                    }
                    connection.send(&*update).await?;
                }
                Some(line) = next_line(&mut lines) => say(connection, filter, line).await?,
            }
        }
    }
}

/// Figures, or that something was logged since the last time, not before `not_before`; `None` if there will be none.
async fn next_figures(
    figures: &mut Option<(broadcast::Receiver<Arc<Update>>, watch::Receiver<()>)>,
    not_before: Instant,
) -> Option<Arc<Update>> {
    let (figures, logged) = figures.as_mut()?;
    tokio::select! {
        update = async {
            loop {
                match figures.recv().await {
                    Ok(update) => return Some(update),
                    // The newest are all that matters.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        } => update,
        changed = async {
            sleep_until(not_before).await;
            logged.changed().await
        } => changed.ok().map(|()| Arc::new(Update::Logged)),
    }
}

type Received = Result<Arc<Update>, u64>;

/// The next line, or how many were missed; `None` if there will be none.
async fn next_line(lines: &mut Option<broadcast::Receiver<Arc<Update>>>) -> Option<Received> {
    match lines.as_mut()?.recv().await {
        Ok(line) => Some(Ok(line)),
        Err(broadcast::error::RecvError::Lagged(missed)) => Some(Err(missed)),
        Err(broadcast::error::RecvError::Closed) => None,
    }
}

async fn say(connection: &mut Connection, filter: &LogFilter, line: Received) -> Result<(), shopctl_protocol::Error> {
    match line {
        Ok(update) => match &*update {
            Update::Line { resource, .. } if !filter.passes(resource) => Ok(()),
            update => connection.send(update).await,
        },
        Err(updates) => connection.send(&Update::Missed { updates }).await,
    }
}

/// The lines that are on their way when everything is down.
async fn say_rest(
    connection: &mut Connection,
    filter: &LogFilter,
    lines: &mut Option<broadcast::Receiver<Arc<Update>>>,
) -> Result<(), shopctl_protocol::Error> {
    let Some(lines) = lines else { return Ok(()) };
    loop {
        match lines.try_recv() {
            Ok(line) => say(connection, filter, Ok(line)).await?,
            Err(broadcast::error::TryRecvError::Lagged(missed)) => say(connection, filter, Err(missed)).await?,
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => return Ok(()),
        }
    }
}
