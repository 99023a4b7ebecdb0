//! One port of the proxy.

use std::{io, net::Ipv4Addr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};

use crate::{Route, kafka, link, rules::Rules};

/// Between two tries to listen again.
const AGAIN: Duration = Duration::from_millis(20);
/// After accepting has failed: out of descriptors, most likely, and those in use will be free again.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(crate) struct Listener {
    route: Route,
    socket: TcpListener,
    rules: watch::Receiver<Rules>,
    /// Up to which revision of the rules it has done what they say.
    applied: watch::Sender<u64>,
}

/// That of one listener.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) edge: String,
    pub(crate) revision: watch::Receiver<u64>,
}

impl Listener {
    pub(crate) async fn bind(route: Route, rules: watch::Receiver<Rules>) -> io::Result<Self> {
        let socket = listen(route.port).await?;
        Ok(Self { route, socket, rules, applied: watch::Sender::new(0) })
    }

    pub(crate) fn applied(&self) -> Applied {
        Applied { edge: self.route.edge.clone(), revision: self.applied.subscribe() }
    }

    /// Listens, but while nobody is to.
    pub(crate) async fn run(self) {
        let Self { route, socket, mut rules, applied } = self;
        let (route, passed) = (Arc::new(route), rules.clone());
        let mut socket = Some(socket);
        loop {
            let now = rules.borrow_and_update().clone();
            if now.is_refused(&route.edge) {
                // Whoever waits to be accepted is refused, too.
                socket = None;
            } else if socket.is_none() {
                match listen(route.port).await {
                    Ok(again) => socket = Some(again),
                    Err(error) => {
                        tracing::warn!(edge = route.edge, %error, "cannot listen again");
                        sleep(AGAIN).await;
                        rules.mark_changed();
                        continue;
                    }
                }
            }
            applied.send_replace(now.revision());
            tokio::select! {
                changed = rules.changed() => if changed.is_err() {
                    return;
                },
                () = serve(socket.as_ref(), &route, &passed) => {}
            }
        }
    }
}

async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// Accepts for as long as there is a socket. Safe to cancel: what was accepted lives on.
async fn serve(socket: Option<&TcpListener>, route: &Arc<Route>, rules: &watch::Receiver<Rules>) {
    let Some(socket) = socket else { return std::future::pending().await };
    loop {
        match socket.accept().await {
            Ok((caller, _)) => drop(tokio::spawn(connected(caller, route.clone(), rules.clone()))),
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// One connection, to its end.
async fn connected(mut caller: TcpStream, route: Arc<Route>, mut rules: watch::Receiver<Rules>) {
    let called = async {
        let called = TcpStream::connect((Ipv4Addr::LOCALHOST, route.target)).await?;
        // What is held up here is held up on purpose.
        caller.set_nodelay(true).and_then(|()| called.set_nodelay(true))?;
        Ok::<TcpStream, io::Error>(called)
    };
    let Ok(mut called) = called.await else {
        drop(caller.set_zero_linger());
        return;
    };
    let passing = rules.clone();
    let cut = tokio::select! {
        ended = async {
            if route.is_kafka {
                kafka::pass(&mut caller, &mut called, &route, passing).await
            } else {
                link::pass(&mut caller, &mut called, &route.edge, passing).await
            }
        } => ended.is_err(),
        refused = rules.wait_for(|rules| rules.is_refused(&route.edge)) => refused.is_ok(),
    };
    if cut {
        // Both ends hear of it at once, and lose what is under way.
        drop(caller.set_zero_linger());
        drop(called.set_zero_linger());
    }
}
