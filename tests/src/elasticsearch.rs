//! A real Elasticsearch in a container. It takes seconds to start, so the tests of a program share one, each with names of its
//! own; a test that ends or freezes its node has one of its own.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    docker::{self, Container, Spec},
    port::Port,
};

/// Made by this repository's own scripts where no registry can be reached.
pub const IMAGE: &str = "shopctl-test/elasticsearch:9.4.3";
const PORT: u16 = 9200;
const USER: &str = "elastic";
const PASSWORD: &str = "only-for-t3sts";
/// From its start to its first answer, on a machine that is busy compiling.
const START_DEADLINE: Duration = Duration::from_secs(180);
/// For one question whether it answers.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a node can be started here.
///
/// # Errors
/// Why not.
pub fn available() -> Result<(), String> {
    static ANSWER: OnceLock<Result<(), String>> = OnceLock::new();
    ANSWER.get_or_init(|| docker::available(IMAGE)).clone()
}

/// The node that all tests of this program share; it starts with the first call and ends with the program. Blocks.
///
/// # Panics
/// When it does not start.
pub fn shared() -> &'static Node {
    static SHARED: OnceLock<Node> = OnceLock::new();
    SHARED.get_or_init(Node::start)
}

/// A prefix for names of indices that no other test of this program has.
#[must_use]
pub fn prefix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// One node, empty at its start.
pub struct Node {
    container: Container,
    _port: Port,
}

impl Node {
    /// Blocks.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        // The same after a crash.
        let port = Port::reserve();
        let mut spec = Spec::new(IMAGE, PORT)
            .env("discovery.type", "single-node")
            .env("xpack.security.enabled", "true")
            .env("xpack.security.http.ssl.enabled", "false")
            .env("ELASTIC_PASSWORD", PASSWORD)
            .env("ES_JAVA_OPTS", "-Xms512m -Xmx512m")
            // A developer's disk is often fuller than a server's.
            .env("cluster.routing.allocation.disk.threshold_enabled", "false");
        spec.published = Some(port.address().port());
        let node = Self { container: Container::start(&spec), _port: port };
        node.wait();
        node
    }

    /// With name and password, without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{USER}:{PASSWORD}@{}", self.container.address())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.container.address()
    }

    /// Ends it at once, as a crash would. Its data stay.
    ///
    /// # Panics
    /// When it runs no longer.
    pub fn kill(&mut self) {
        self.container.kill();
    }

    /// Starts it again after [`Node::kill`], at the same address, and waits until it answers. Blocks.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.container.restart();
        self.wait();
    }

    /// From now on it takes connections and answers nothing.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pause(&self) {
        self.container.pause();
    }

    /// Ends [`Node::pause`].
    ///
    /// # Panics
    /// When it is not paused.
    pub fn unpause(&self) {
        self.container.unpause();
    }

    fn wait(&self) {
        self.container.wait(START_DEADLINE, answers);
    }
}

/// Whether it answers that its primary shards are there.
fn answers(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let login = STANDARD.encode(format!("{USER}:{PASSWORD}"));
        write!(
            stream,
            "GET /_cluster/health?wait_for_status=yellow&timeout=1s HTTP/1.1\r\nHost: {address}\r\n\
             Authorization: Basic {login}\r\nConnection: close\r\n\r\n"
        )?;
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status)?;
        Ok::<_, std::io::Error>(status)
    };
    ask().is_ok_and(|status| status.starts_with("HTTP/1.1 200"))
}
