//! The receiver: OTLP over gRPC on one port and over HTTP on another, both into one store.

pub(crate) mod grpc;
mod http;

use std::{future::Future, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::watch, task::spawn_blocking, time::timeout};

use crate::{
    figures::Figures,
    forward::{Forward, Target},
    intake::{Intake, Signal},
    store::{self, Limits, Writer},
};

/// Bytes of a message, packed or not. Senders cut their batches far smaller.
const MOST_BYTES: usize = 8 << 20;
/// For calls under way once it is to end; who sends telemetry tries again.
const PARTING: Duration = Duration::from_millis(500);

#[derive(Debug, Clone)]
pub struct Settings {
    /// Of the store.
    pub folder: PathBuf,
    pub limits: Limits,
    pub forward: Option<Target>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("receiving over {protocol} has ended: {source}")]
    Serve { protocol: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
}

/// Listens, and takes nothing before it runs.
#[derive(Debug)]
pub struct Receiver {
    grpc: TcpListener,
    http: TcpListener,
    intake: Arc<Intake>,
    writer: Writer,
    forward: Option<Forward>,
}

impl Receiver {
    /// # Errors
    /// When an address cannot be listened on, or the store not be opened.
    pub async fn bind(settings: Settings, grpc: SocketAddr, http: SocketAddr) -> Result<Self, Error> {
        let listen =
            async |address| TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source });
        let (grpc, http) = (listen(grpc).await?, listen(http).await?);
        let figures = Arc::new(Figures::default());
        let Settings { folder, limits, forward } = settings;
        let (queue, writer) = Writer::start(folder, limits, Arc::clone(&figures))?;
        let forward = forward.map(|target| Forward::new(target, Arc::clone(&figures)));
        let intake = Arc::new(Intake::new(queue, figures, forward.clone()));
        Ok(Self { grpc, http, intake, writer, forward })
    }

    /// Where it listens: gRPC, HTTP.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.grpc.local_addr()?, self.http.local_addr()?))
    }

    /// Receives until `stop`, then writes what has come.
    ///
    /// # Errors
    /// When a listener fails.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let Self { grpc, http, intake, writer, forward } = self;
        let forwarding = forward.map(|forward| tokio::spawn(forward.run()));
        let (stopping, stopped) = watch::channel(false);
        let serving = async {
            tokio::try_join!(
                grpc::serve(grpc, Arc::clone(&intake), until(stopped.clone())),
                http::serve(http, Arc::clone(&intake), until(stopped.clone())),
            )
        };
        tokio::pin!(serving);
        let outcome = tokio::select! {
            outcome = &mut serving => outcome.map(drop),
            () = stop => {
                stopping.send_replace(true);
                timeout(PARTING, &mut serving).await.map_or(Ok(()), |outcome| outcome.map(drop))
            }
        };
        if let Some(forwarding) = forwarding {
            forwarding.abort();
        }
        // The writer ends with the last of those who may give it something; a call that was cut off may hold on for longer.
        intake.close();
        let _ = timeout(2 * PARTING, spawn_blocking(|| writer.ended())).await;
        outcome
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // Also when nobody can tell any more.
    let _ = stopped.wait_for(|&stopped| stopped).await;
}

impl Signal {
    pub(crate) fn grpc_path(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }

    pub(crate) fn http_path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
        }
    }
}

/// Why there is no place for logs.
const NO_LOGS: &str = "logs are not received here: shopctl reads what resources write to stdout and stderr";
