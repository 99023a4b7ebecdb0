//! A proxy on one edge, and whoever tells it what is broken.

use std::{path::PathBuf, time::Duration};

use shopctl_protocol::{Answer, Connection, Fault, FaultKind, Order};
use shopctl_proxy::{Proxy, Route};
use tempfile::TempDir;
use testkit::port::Port;
use tokio::{net::UnixStream, task::JoinHandle};

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Stand {
    pub(crate) port: Port,
    dir: TempDir,
    revision: u64,
    task: JoinHandle<()>,
}

impl Stand {
    /// On the edge `a/b`, whose far end listens on `target`.
    pub(crate) async fn on(target: u16, is_kafka: bool) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let port = Port::reserve();
        let route = Route { edge: "a/b".to_owned(), port: port.address().port(), target, is_kafka };
        let proxy = Proxy::bind(vec![route], &socket(&dir)).await.expect("the port is free");
        Self { port, task: tokio::spawn(proxy.run()), dir, revision: 0 }
    }

    /// Breaks it so, and in no other way. Over once it is so.
    pub(crate) async fn is(&mut self, faults: &[(&str, FaultKind)]) {
        let fault = |(on, kind): &(&str, FaultKind)| Fault {
            on: (*on).to_owned(),
            kind: *kind,
            rate: 1.0,
            seed: 7,
            left: None,
        };
        self.revision += 1;
        let order = Order { revision: self.revision, faults: faults.iter().map(fault).collect() };
        let mut connection = Connection::new(UnixStream::connect(socket(&self.dir)).await.expect("it listens"));
        connection.send(&order).await.expect("it reads");
        let answer: Option<Answer> = connection.receive().await.expect("it answers");
        assert_eq!(answer, Some(Answer { problem: None }));
    }

    pub(crate) async fn is_whole(&mut self) {
        self.is(&[]).await;
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn socket(dir: &TempDir) -> PathBuf {
    dir.path().join("proxy.sock")
}
