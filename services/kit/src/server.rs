//! The loop that accepts connections, for HTTP/1 and for gRPC: bounded in number and in patience, and an orderly end.
//!
//! By hand rather than with `axum::serve` or tonic's own: these let anyone connect and say nothing for as long as they
//! like, and tonic's turns in circles when there are no more file descriptors.

mod crowd;

use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use http::header::CONNECTION;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use nix::sys::socket::{MsgFlags, recv};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use self::crowd::{Crowd, Member};
use crate::descriptors;
use crate::listener::BACKLOG;
use crate::shutdown::{Guest, Shutdown};

/// Connections at a time, if the process may have so many files open.
pub(crate) const CONNECTIONS: usize = 4096;

/// Without a request for so long, a connection is closed. Channels between services connect again when they are used.
pub(crate) const IDLE: Duration = Duration::from_secs(300);

/// Descriptors that are left to the database, the broker and other services.
const RESERVED: usize = 256;

/// How long a connection that was made just before the drain may wait with its first request, and how long one that has to
/// leave has for what is under way between it and its client.
const MOMENT: Duration = Duration::from_millis(200);

/// How often room is made, or asked for again, while all connections are taken.
const LOOK: Duration = Duration::from_millis(50);

/// How long nothing is accepted after it failed, unless a connection ends.
const RECOVERY: Duration = Duration::from_millis(100);

/// What is spoken on a connection.
#[derive(Clone)]
pub(crate) enum Protocol {
    Http1(http1::Builder),
    Http2(http2::Builder<TokioExecutor>),
}

/// How connections are spoken on, and for how long without a request.
#[derive(Clone)]
pub(crate) struct Manners {
    pub(crate) protocol: Protocol,
    /// At most.
    pub(crate) connections: usize,
    /// From the connection to its first request.
    pub(crate) first: Duration,
    /// Without a request under way.
    pub(crate) idle: Duration,
}

/// Accepts connections until the drain, then lets those that are under way end.
///
/// When too many are connected, the one that has been idle for longest makes room for the next, so that a crowd that only
/// connects keeps nobody out.
pub(crate) async fn run(listener: TcpListener, app: Router, manners: Manners, shutdown: &Shutdown) {
    let most = manners.connections.min(descriptors::limit().saturating_sub(RESERVED)).max(1);
    let mut connections = JoinSet::new();
    let mut crowd = Crowd::default();
    let mut failing = false;
    let draining = shutdown.draining();
    tokio::pin!(draining);
    loop {
        let full = connections.len() >= most;
        if full {
            crowd.make_room(Instant::now());
        }
        tokio::select! {
            accepted = listener.accept(), if !full => match accepted {
                Ok((stream, _)) => {
                    failing = false;
                    connections.spawn(connection(manners.clone(), stream, app.clone(), crowd.join(), shutdown.guest()));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: some connection's end is the cure.
                    if !failing {
                        tracing::warn!("can't accept a connection: {error}");
                    }
                    failing = true;
                    crowd.make_room(Instant::now());
                    tokio::select! {
                        Some(_) = connections.join_next() => {}
                        () = sleep(RECOVERY) => {}
                    }
                }
            },
            Some(_) = connections.join_next() => {}
            () = sleep(LOOK), if full => {}
            () = &mut draining => break,
        }
    }
    for stream in backlog(listener) {
        connections.spawn(connection(manners.clone(), stream, app.clone(), crowd.join(), shutdown.guest()));
    }
    if let Err(cut_off) = shutdown.bound("a request", async { while connections.join_next().await.is_some() {} }).await
    {
        tracing::warn!("{cut_off}");
    }
}

/// Closes the listener, and returns the connections that were made but not accepted yet: they would be reset.
fn backlog(listener: TcpListener) -> Vec<TcpStream> {
    let accept = |listener: &std::net::TcpListener| {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(true)?;
        TcpStream::from_std(stream)
    };
    match listener.into_std() {
        Ok(listener) => std::iter::from_fn(|| accept(&listener).ok()).take(BACKLOG as usize).collect(),
        Err(error) => {
            tracing::warn!("can't accept the last connections: {error}");
            Vec::new()
        }
    }
}

async fn connection(manners: Manners, stream: TcpStream, app: Router, member: Arc<Member>, guest: Guest) {
    // Only delays if it fails.
    let _ = stream.set_nodelay(true);
    let socket = stream.as_raw_fd();
    let closes = matches!(manners.protocol, Protocol::Http1(_));
    let service = service_fn(|request: Request<Incoming>| {
        let (app, busy, shutdown) = (app.clone(), member.begin(), Shutdown::clone(&guest));
        async move {
            let mut response = app.oneshot(request.map(Body::new)).await;
            if let Ok(response) = &mut response
                && closes
                && shutdown.is_begun()
            {
                // Else the client would send its next request just when the drain closes the connection under it.
                response.headers_mut().entry(CONNECTION).or_insert(HeaderValue::from_static("close"));
            }
            drop(busy);
            response
        }
    });
    let (io, patience) = (TokioIo::new(stream), (manners.first, manners.idle));
    let ended = match manners.protocol {
        Protocol::Http1(builder) => {
            let connection = builder.serve_connection(io, service).with_upgrades();
            // A request that lies there unread would be reset with its connection: it gets an answer, the last one.
            let end = |connection: Pin<&mut http1::UpgradeableConnection<_, _>>| {
                if !has_unread(socket) {
                    connection.graceful_shutdown();
                }
            };
            attend(connection, end, &member, patience, &guest).await
        }
        // HTTP/2 tells a client which requests it has not read.
        Protocol::Http2(builder) => {
            let connection = builder.serve_connection(io, service);
            attend(connection, http2::Connection::graceful_shutdown, &member, patience, &guest).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended badly: {error}");
    }
}

/// Stays with a connection until it ends, has been without a request for too long, or the drain has ended it.
async fn attend<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    end: impl Fn(Pin<&mut C>),
    member: &Member,
    (first, idle): (Duration, Duration),
    shutdown: &Shutdown,
) -> hyper::Result<()> {
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = member.must_leave(first, idle) => {
            // From who has asked before, a request may be on its way.
            if !member.has_asked() {
                return Ok(());
            }
            end(connection.as_mut());
            timeout(MOMENT, connection).await.unwrap_or(Ok(()))
        }
        () = shutdown.draining() => {
            // Who has just connected is about to ask.
            if !member.has_asked()
                && let Ok(ended) = timeout(MOMENT, connection.as_mut()).await
            {
                return ended;
            }
            end(connection.as_mut());
            connection.await
        }
    }
}

/// Whether there are bytes that nobody has read yet. Only while the connection lives.
fn has_unread(socket: RawFd) -> bool {
    recv(socket, &mut [0], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT).is_ok_and(|bytes| bytes > 0)
}
