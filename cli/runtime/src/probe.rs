//! Looking whether a resource is ready, from inside shopctl.

use std::{
    collections::BTreeMap,
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use shopctl_core::manifest::Rhythm;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::Command,
    time::timeout,
};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{
    log::{Entry, History},
    proc::Identity,
};

/// A check of one process of a resource, with everything filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    Tcp {
        port: u16,
    },
    /// `login`: `USER:PASSWORD`.
    Http {
        port: u16,
        path: String,
        login: Option<String>,
    },
    Grpc {
        port: u16,
        service: String,
    },
    Postgres {
        port: u16,
    },
    Kafka {
        port: u16,
    },
    Log {
        dir: PathBuf,
        resource: String,
        line: String,
    },
    Exec {
        program: PathBuf,
        arguments: Vec<String>,
        dir: PathBuf,
        environment: BTreeMap<String, String>,
    },
}

/// Probes one process again and again, until it is dropped; connections are kept from one look to the next, since a new one each time costs
/// both sides more than the question.
#[derive(Debug)]
pub struct Prober {
    check: Check,
    patience: Duration,
    channel: Mutex<Option<Channel>>,
    client: OnceLock<reqwest::Client>,
    /// Lines from before are an earlier process's.
    since: u64,
    /// The log, read up to the last look.
    history: Mutex<Option<History>>,
}

impl Prober {
    /// `since`: nanoseconds since 1970 when this process was not there yet.
    #[must_use]
    pub fn new(check: Check, rhythm: Rhythm, since: u64) -> Self {
        Self {
            check,
            patience: rhythm.timeout,
            channel: Mutex::default(),
            client: OnceLock::new(),
            since,
            history: Mutex::default(),
        }
    }

    /// Probes once.
    ///
    /// # Errors
    /// Why it is not ready, for people.
    pub async fn probe(&self) -> Result<(), String> {
        let attempt = async {
            match &self.check {
                Check::Tcp { port } => connect(*port).await.map(drop),
                Check::Http { port, path, login } => http(&self.client, *port, path, login.as_deref()).await,
                Check::Grpc { port, service } => self.grpc(*port, service).await,
                Check::Postgres { port } => postgres(*port).await,
                Check::Kafka { port } => kafka(*port).await,
                Check::Log { dir, resource, line } => self.log(dir, resource, line),
                Check::Exec { program, arguments, dir, environment } => {
                    exec(program, arguments, dir, environment).await
                }
            }
        };
        timeout(self.patience, attempt).await.unwrap_or_else(|_| {
            self.lock_channel().take();
            Err(self.silence())
        })
    }

    fn silence(&self) -> String {
        let patience = self.patience.as_secs_f64();
        match &self.check {
            Check::Tcp { port }
            | Check::Http { port, .. }
            | Check::Grpc { port, .. }
            | Check::Postgres { port }
            | Check::Kafka { port } => format!("port {port} did not answer within {patience} s"),
            Check::Log { .. } => format!("its log could not be read within {patience} s"),
            Check::Exec { program, .. } => format!("{} did not end within {patience} s", program.display()),
        }
    }

    fn lock_channel(&self) -> std::sync::MutexGuard<'_, Option<Channel>> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn grpc(&self, port: u16, service: &str) -> Result<(), String> {
        let kept = self.lock_channel().clone();
        let channel = match kept {
            Some(channel) => channel,
            None => {
                connect(port).await?;
                let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"));
                let channel = endpoint.map_err(|error| error.to_string())?.connect().await;
                channel.map_err(|error| format!("no gRPC on port {port}: {}", root_of(&error)))?
            }
        };
        let request = HealthCheckRequest { service: service.to_owned() };
        match HealthClient::new(channel.clone()).check(request).await {
            Ok(answer) => {
                *self.lock_channel() = Some(channel);
                match answer.into_inner().status() {
                    ServingStatus::Serving => Ok(()),
                    other => Err(format!("health on port {port} says {}", other.as_str_name())),
                }
            }
            Err(status) => {
                self.lock_channel().take();
                connect(port).await?;
                Err(format!("health on port {port} answers {:?}: {}", status.code(), status.message()))
            }
        }
    }

    /// Looks through what has been written since the last look.
    fn log(&self, dir: &Path, resource: &str, wanted: &str) -> Result<(), String> {
        let finder = memchr::memmem::Finder::new(wanted);
        let mut found = false;
        let mut look = || -> io::Result<()> {
            let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
            let history = match &mut *history {
                Some(history) => history,
                none => {
                    let mut history = History::open(dir, &[resource.to_owned()])?;
                    history.limit(self.since, u64::MAX)?;
                    none.insert(history)
                }
            };
            history.read(&|block| finder.find(block), &mut |_, entry| {
                found |= matches!(entry, Entry::Line { text, .. } if finder.find(text).is_some());
                Ok(())
            })
        };
        look().map_err(|error| format!("its log cannot be read: {error}"))?;
        if found { Ok(()) } else { Err(format!("it has not written {wanted:?} yet")) }
    }
}

async fn connect(port: u16) -> Result<TcpStream, String> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::ConnectionRefused => format!("nothing listens on port {port} yet"),
        _ => format!("cannot connect to port {port}: {error}"),
    })
}

async fn http(client: &OnceLock<reqwest::Client>, port: u16, path: &str, login: Option<&str>) -> Result<(), String> {
    let client = match client.get() {
        Some(client) => client,
        None => {
            let new = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
            client.get_or_init(|| new)
        }
    };
    let mut request = client.get(format!("http://127.0.0.1:{port}{path}"));
    if let Some(login) = login {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        request = request.basic_auth(user, Some(password));
    }
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            // Where nothing listens, that says more than the client does.
            connect(port).await?;
            return Err(format!("GET {path} on port {port} failed: {}", root_of(&error)));
        }
    };
    let status = response.status();
    // Read to its end in any case: only then is the connection kept.
    let body = response.text().await.unwrap_or_default();
    if status.is_success() {
        return Ok(());
    }
    let body: String = body.chars().filter(|c| !c.is_control()).take(200).collect();
    Err(format!("GET {path} on port {port} answers {status} {body}").trim_end().to_owned())
}

/// Ready is a broker that names at least one broker in its metadata.
async fn kafka(port: u16) -> Result<(), String> {
    use kafka_protocol::{
        messages::{ApiKey, MetadataRequest, MetadataResponse, RequestHeader, ResponseHeader},
        protocol::{Decodable as _, Encodable as _, StrBytes},
    };
    /// The oldest that asks for no topics; every broker knows it.
    const VERSION: i16 = 1;
    /// Without topics an answer is far shorter.
    const LONGEST: u32 = 1 << 20;
    let broke = |error: std::io::Error| format!("the broker on port {port} hung up: {error}");
    let wrong = |error: &dyn std::fmt::Display| format!("what answers on port {port} is no Kafka: {error}");
    let mut request = Vec::new();
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::Metadata as i16)
        .with_request_api_version(VERSION)
        .with_client_id(Some(StrBytes::from_static_str("shopctl")));
    header
        .encode(&mut request, ApiKey::Metadata.request_header_version(VERSION))
        .and_then(|()| MetadataRequest::default().with_topics(Some(Vec::new())).encode(&mut request, VERSION))
        .map_err(|error| wrong(&error))?;
    let mut stream = connect(port).await?;
    stream.write_u32(u32::try_from(request.len()).unwrap_or_default()).await.map_err(broke)?;
    stream.write_all(&request).await.map_err(broke)?;
    let length = stream.read_u32().await.map_err(broke)?;
    if length > LONGEST {
        return Err(wrong(&format_args!("it announces {length} bytes")));
    }
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer).await.map_err(broke)?;
    let mut answer = bytes::Bytes::from(answer);
    ResponseHeader::decode(&mut answer, ApiKey::Metadata.response_header_version(VERSION))
        .map_err(|error| wrong(&error))?;
    let metadata = MetadataResponse::decode(&mut answer, VERSION).map_err(|error| wrong(&error))?;
    if metadata.brokers.is_empty() { Err(format!("the broker on port {port} knows of no broker yet")) } else { Ok(()) }
}

/// Ready is what ends with 0.
async fn exec(
    program: &PathBuf,
    arguments: &[String],
    dir: &PathBuf,
    environment: &BTreeMap<String, String>,
) -> Result<(), String> {
    /// Ends the whole group also when the probe is given up.
    struct Group(Option<Identity>);
    impl Drop for Group {
        fn drop(&mut self) {
            if let Some(leader) = self.0 {
                leader.signal_group(nix::sys::signal::Signal::SIGKILL);
            }
        }
    }
    let child = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let mut group = Group(child.id().and_then(Identity::of));
    let output = child.wait_with_output().await.map_err(|error| format!("{}: {error}", program.display()))?;
    if output.status.success() {
        group.0 = None;
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    let last: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
    Err(format!("{} ended with {}: {last}", program.display(), output.status).trim_end_matches([':', ' ']).to_owned())
}

/// Ready is a server that asks for authentication, or refuses for any other reason than that it starts or stops.
async fn postgres(port: u16) -> Result<(), String> {
    const PROTOCOL_3_0: u32 = 196_608;
    /// "the database system is starting up"
    const CANNOT_CONNECT_NOW: &[u8] = b"C57P03\0";
    const PARAMETERS: &[u8] = b"user\0shop\0database\0postgres\0\0";
    let broke = |error: std::io::Error| format!("PostgreSQL on port {port} hung up: {error}");
    let mut stream = connect(port).await?;
    let mut packet = Vec::from(u32::try_from(8 + PARAMETERS.len()).unwrap_or_default().to_be_bytes());
    packet.extend(PROTOCOL_3_0.to_be_bytes());
    packet.extend(PARAMETERS);
    stream.write_all(&packet).await.map_err(broke)?;
    let kind = stream.read_u8().await.map_err(broke)?;
    if !matches!(kind, b'R' | b'E') {
        return Err(format!("what answers on port {port} is no PostgreSQL (its first byte is {kind:#04x})"));
    }
    // All of it also of what nobody looks at: whoever hangs up with something unread resets the connection, and the server
    // writes that to its log each time.
    let length = stream.read_u32().await.map_err(broke)?.saturating_sub(4).min(8192);
    let mut fields = Vec::new();
    stream.take(length.into()).read_to_end(&mut fields).await.map_err(broke)?;
    match kind {
        b'E' => {
            let not_now = fields.windows(CANNOT_CONNECT_NOW.len()).any(|part| part == CANNOT_CONNECT_NOW);
            if not_now { Err(format!("PostgreSQL on port {port} is starting up")) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

/// What lies at the bottom of an error that only says "transport error".
fn root_of(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Serves one answer to whatever it is asked.
    async fn answering(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut request = [0; 1024];
                    if stream.read(&mut request).await.is_ok_and(|count| count > 0) {
                        let _ = stream.write_all(answer).await;
                    }
                });
            }
        });
        port
    }

    fn prober(check: Check) -> Prober {
        let second = Duration::from_secs(1);
        Prober::new(check, Rhythm { interval: second, timeout: 5 * second, failures: 1, successes: 1 }, 0)
    }

    async fn probe(check: Check) -> Result<(), String> {
        prober(check).probe().await
    }

    #[tokio::test]
    async fn http_is_ready_when_it_says_so() {
        let http = |port| Check::Http { port, path: "/health/ready".to_owned(), login: None };
        let ready = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(probe(http(ready)).await, Ok(()));
        let away = answering(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 5\r\n\r\nstore").await;
        let error = probe(http(away)).await.expect_err("it is not ready");
        assert!(error.contains("503") && error.contains("store"), "{error}");
    }

    #[tokio::test]
    async fn postgres_is_ready_once_it_no_longer_starts_up() {
        for (answer, ready) in [
            (&b"R\0\0\0\x08\0\0\0\x0a"[..], true),
            (b"E\0\0\0\x16SFATAL\0C3D000\0Mno\0\0", true),
            (b"E\0\0\0\x16SFATAL\0C57P03\0Mno\0\0", false),
            (b"HTTP/1.1 400", false),
        ] {
            let port = answering(answer).await;
            assert_eq!(probe(Check::Postgres { port }).await.is_ok(), ready, "{answer:?}");
        }
    }

    #[tokio::test]
    async fn kafka_is_ready_once_it_names_a_broker() {
        // Correlation 0; one broker (1 at "h":1, no rack); controller 1; no topics.
        let one = b"\0\0\0\x1d\0\0\0\0\0\0\0\x01\0\0\0\x01\0\x01h\0\0\0\x01\xff\xff\0\0\0\x01\0\0\0\0";
        let none = b"\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0";
        for (answer, ready) in [(&one[..], true), (none, false), (b"HTTP/1.1 400 Bad Request\r\n\r\n", false)] {
            let port = answering(answer).await;
            let found = probe(Check::Kafka { port }).await;
            assert_eq!(found.is_ok(), ready, "{found:?}");
        }
    }

    #[tokio::test]
    async fn a_line_is_looked_for_from_its_own_start_on() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = crate::log::Store::new(dir.path().to_owned());
        let log = store.log("a").expect("a log is opened");
        log.say(b"listening on 1\n");
        let check = Check::Log { dir: dir.path().to_owned(), resource: "a".to_owned(), line: "listening".to_owned() };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970");
        let since = u64::try_from(now.as_nanos()).expect("it is before 2554");
        let prober = Prober { since, ..prober(check) };
        assert!(prober.probe().await.is_err_and(|error| error.contains("listening")));
        log.say(b"about to listen\nand\n");
        assert!(prober.probe().await.is_err());
        log.say(b"and more\nnow listening on 2\nand so on\n");
        assert_eq!(prober.probe().await, Ok(()));
    }

    #[tokio::test]
    async fn a_command_says_so_by_its_exit_and_why_by_its_last_words() {
        let exec = |script: &str| Check::Exec {
            program: "sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            dir: "/".into(),
            environment: BTreeMap::from([("WORD".to_owned(), "pears".to_owned())]),
        };
        assert_eq!(probe(exec("test $WORD = pears")).await, Ok(()));
        let error = probe(exec("echo no $WORD left >&2; exit 3")).await.expect_err("it fails");
        assert!(error.contains("3") && error.ends_with("no pears left"), "{error}");
        let prober = Prober { patience: Duration::from_millis(50), ..prober(exec("sleep 60 & sleep 60")) };
        assert!(prober.probe().await.is_err_and(|error| error.contains("did not end within 0.05 s")));
    }

    #[tokio::test]
    async fn a_port_without_listener_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        drop(listener);
        for check in [
            Check::Tcp { port },
            Check::Http { port, path: "/".to_owned(), login: None },
            Check::Grpc { port, service: String::new() },
            Check::Postgres { port },
            Check::Kafka { port },
        ] {
            let error = probe(check.clone()).await.expect_err("nothing listens");
            assert!(error.contains(&format!("nothing listens on port {port}")), "{check:?}: {error}");
        }
    }
}
