//! The proxy on the edges between resources: passes on what is sent, and breaks that on purpose.
//!
//! It knows ports and bytes, and of Kafka as much as it takes to be where clients look for the broker and to strike what is
//! published. It must never depend on processes, on the manifest, or on what stands behind the ports.

mod control;
mod kafka;
mod lane;
mod link;
mod listener;
mod rules;

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::{net::UnixListener, sync::watch, task::JoinSet};

use listener::Listener;
use rules::Rules;

/// An edge that the proxy stands on. All ports are on the loopback address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Such as `order/product`.
    pub edge: String,
    /// Where it listens.
    pub port: u16,
    /// The port of who is called.
    pub target: u16,
    /// Whether Kafka is spoken there.
    pub is_kafka: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the proxy of {edge} cannot listen on port {port}: {source}")]
    Listen { edge: String, port: u16, source: io::Error },
    #[error("the proxy cannot listen on {path}: {source}")]
    Control { path: PathBuf, source: io::Error },
}

/// Stands on all its edges, and passes everything on until it is told otherwise.
#[derive(Debug)]
pub struct Proxy {
    listeners: Vec<Listener>,
    control: UnixListener,
    rules: watch::Sender<Rules>,
}

impl Proxy {
    /// Listens on all routes, and at `socket` to whoever tells what is broken: this user only.
    ///
    /// # Errors
    /// When one of them cannot be listened on.
    pub async fn bind(routes: Vec<Route>, socket: &Path) -> Result<Self, Error> {
        let control = control::bind(socket).map_err(|source| Error::Control { path: socket.to_owned(), source })?;
        let rules = watch::Sender::new(Rules::default());
        let mut listeners = Vec::with_capacity(routes.len());
        for route in routes {
            let Route { edge, port, .. } = route.clone();
            let listener = Listener::bind(route, rules.subscribe()).await;
            listeners.push(listener.map_err(|source| Error::Listen { edge, port, source })?);
        }
        Ok(Self { listeners, control, rules })
    }

    /// Never ends.
    pub async fn run(self) {
        let Self { listeners, control, rules } = self;
        let applied = listeners.iter().map(Listener::applied).collect();
        let mut tasks: JoinSet<()> = listeners.into_iter().map(Listener::run).collect();
        tokio::select! {
            () = control::run(control, rules, applied) => {}
            // No task of a listener ends.
            _ = tasks.join_next() => {}
        }
    }
}
