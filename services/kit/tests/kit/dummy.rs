use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use testkit::process::Process;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use tonic::Status;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// For what takes no time on a machine that has some.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// The example program; it ends with this value.
pub(crate) struct Dummy {
    pub(crate) process: Process,
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) log: UnboundedReceiver<String>,
}

impl Dummy {
    /// With so many file descriptors at most, and no more than this system allows.
    pub(crate) async fn start(descriptors: u64) -> Self {
        Self::start_with(descriptors, &[]).await
    }

    /// The same, with these variables.
    pub(crate) async fn start_with(descriptors: u64, variables: &[(&str, &str)]) -> Self {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
        let tests = std::env::current_exe().expect("a test knows itself");
        let target = tests.parent().and_then(|deps| deps.parent()).expect("it lies in target/PROFILE/deps");
        let program = target.join("examples/dummy");
        // Cargo builds examples before tests, unless only some tests are asked for.
        assert!(program.exists(), "{} is not built: `cargo build -p kit --examples`", program.display());
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n $1 && exec \"$0\" serve"])
            .arg(program)
            .arg(descriptors.min(hard).to_string())
            .env("RUST_LOG", "info")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = Process::spawn(&mut command).expect("there is a shell");
        let lines = BufReader::new(process.stderr.take().expect("it is piped")).lines();
        let (say, mut log) = unbounded_channel();
        // Read to the end, so that it never waits for a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(say.send(line))));
        let first = timeout(SOON, log.recv()).await.expect("it begins soon").expect("it says where it listens");
        let address = |name: &str| {
            let word = first.split_whitespace().find_map(|word| word.strip_prefix(&format!("{name}=")));
            word.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{name} is not in {first}"))
        };
        let (grpc, http) = (address("grpc"), address("http"));
        Self { process, grpc, http, log }
    }

    /// What a health check over a new connection says.
    pub(crate) async fn check_grpc(&self) -> Result<(), Status> {
        let channel = kit::grpc::channel(&format!("http://{}", self.grpc)).expect("an address makes a URL");
        HealthClient::new(channel).check(HealthCheckRequest::default()).await.map(drop)
    }

    pub(crate) async fn check_http(&self) -> reqwest::Result<()> {
        let client = reqwest::Client::builder().no_proxy().timeout(SOON).build()?;
        client.get(format!("http://{}/", self.http)).send().await?.error_for_status().map(drop)
    }

    /// How many file descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).expect("it runs").count()
    }

    /// Seconds of CPU that it has used.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("it runs");
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |field: &str| field.parse::<f64>().expect("a number");
        // User and system time, in the hundredths of a second that Linux promises.
        (ticks(fields[11]) + ticks(fields[12])) / 100.0
    }
}
