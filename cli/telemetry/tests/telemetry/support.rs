//! A running receiver, and those who talk to it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use shopctl_telemetry::{Limits, Reader, Receiver, Settings, Span, Target, TraceId, receiver};
use tempfile::TempDir;
use testkit::eventually;
use tokio::{sync::oneshot, task::JoinHandle};
use tonic::{Request, Status, client::Grpc, codec::CompressionEncoding, transport::Endpoint};
use tonic_prost::ProstCodec;

pub(crate) const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
pub(crate) const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
/// Long enough for a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

pub(crate) struct Running {
    pub(crate) folder: TempDir,
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), receiver::Error>>,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::with(temporary(), Limits::default(), None).await
    }

    pub(crate) async fn with(folder: TempDir, limits: Limits, forward: Option<Target>) -> Self {
        let settings = Settings { folder: folder.path().to_owned(), limits, forward };
        let receiver = Receiver::bind(settings, any_port(), any_port()).await.expect("it listens");
        let (grpc, http) = receiver.addresses().expect("it has addresses");
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(receiver.run(async { drop(stopped.await) }));
        Self { folder, grpc, http, stop, task }
    }

    /// Ends it in order, and leaves its files.
    pub(crate) async fn stop(self) -> TempDir {
        drop(self.stop);
        self.task.await.expect("it does not panic").expect("it ends well");
        self.folder
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(self.folder.path()).expect("there is a store")
    }

    pub(crate) async fn send(&self, request: ExportTraceServiceRequest) -> ExportTraceServiceResponse {
        send(self.grpc, TRACES, request, None).await.expect("it is taken")
    }

    /// A trace, once it has that many spans.
    pub(crate) async fn trace(&self, trace: TraceId, spans: usize) -> Vec<Span> {
        wait_for_trace(&self.reader(), trace, spans).await
    }
}

pub(crate) async fn wait_for_trace(reader: &Reader, trace: TraceId, spans: usize) -> Vec<Span> {
    eventually(PATIENCE, &format!("{trace} has {spans} spans"), async || {
        let found = reader.trace(trace).expect("it can be read");
        (found.len() >= spans).then_some(found)
    })
    .await
}

pub(crate) fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

pub(crate) async fn send<M, R>(
    to: SocketAddr,
    path: &'static str,
    message: M,
    packed: Option<CompressionEncoding>,
) -> Result<R, Status>
where
    M: prost::Message + Send + Sync + 'static,
    R: prost::Message + Default + Send + Sync + 'static,
{
    let channel = Endpoint::from_shared(format!("http://{to}")).expect("an address makes a URL").connect_lazy();
    let mut client = Grpc::new(channel);
    if let Some(packed) = packed {
        client = client.send_compressed(packed);
    }
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let codec = ProstCodec::<M, R>::default();
    client.unary(Request::new(message), path.parse().expect("a path"), codec).await.map(tonic::Response::into_inner)
}

/// Of all files in it, as they are now.
pub(crate) fn copy(folder: &Path) -> TempDir {
    let copy = temporary();
    for path in files(folder) {
        std::fs::copy(&path, copy.path().join(path.file_name().expect("a name"))).expect("it is copied");
    }
    copy
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("there is a folder");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}
