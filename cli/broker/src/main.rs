//! The embedded broker as a process: arguments, signals and exit codes around the library. Depends on nothing else.

use std::fmt::Write;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use shopctl_broker::{Broker, Config};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A Kafka-compatible broker for one developer's machine.
///
/// One node without replication and transactions. Data survive the end of any process; --fsync makes them survive a
/// power cut too. Logs go to standard error (RUST_LOG sets their level, by default info). SIGTERM and SIGINT stop it.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9092")]
    listen: SocketAddr,
    /// Directory for everything that is kept; made if it is missing
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Address that clients are told to connect to [default: the one they came in by]
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    advertise: Option<(String, u16)>,
    /// Wait for the disk before acknowledging
    #[arg(long)]
    fsync: bool,
    /// Make a topic when a client asks for one that does not exist
    #[arg(long)]
    auto_create_topics: bool,
    /// Partitions of a topic whose creator leaves the number open
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    default_partitions: u16,
    /// Age in milliseconds after which records are deleted, -1 for never, unless the topic says otherwise
    #[arg(long, value_name = "MS", default_value_t = 604_800_000, allow_negative_numbers = true)]
    retention_ms: i64,
    /// Bytes of a partition above which its oldest records are deleted, -1 for never, unless the topic says otherwise
    #[arg(long, value_name = "BYTES", default_value_t = -1, allow_negative_numbers = true)]
    retention_bytes: i64,
    /// Size of a segment file in bytes, unless the topic says otherwise
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024 * 1024, value_parser = clap::value_parser!(u64).range(1024..=0x7fff_ffff))]
    segment_bytes: u64,
    /// Seconds between two looks for records to delete
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    retention_interval: u64,
    /// Milliseconds that a consumer group which was empty waits for more members
    #[arg(long, value_name = "MS", default_value_t = 0)]
    initial_rebalance_delay_ms: u64,
    /// Shortest session timeout in milliseconds that a member of a group may ask for
    #[arg(long, value_name = "MS", default_value_t = 6000)]
    min_session_timeout_ms: u64,
}

fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let (host, port) = text.rsplit_once(':').ok_or("expected HOST:PORT")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err("expected HOST:PORT".to_owned());
    }
    let port = port.parse::<u16>().map_err(|error| format!("port {port}: {error}"))?;
    Ok((host.to_owned(), port))
}

impl From<Args> for Config {
    fn from(args: Args) -> Self {
        Self {
            advertise: args.advertise,
            auto_create_topics: args.auto_create_topics,
            default_partitions: args.default_partitions,
            fsync: args.fsync,
            retention: u64::try_from(args.retention_ms).ok().map(Duration::from_millis),
            retention_bytes: u64::try_from(args.retention_bytes).ok(),
            segment_bytes: args.segment_bytes,
            retention_interval: Duration::from_secs(args.retention_interval),
            initial_rebalance_delay: Duration::from_millis(args.initial_rebalance_delay_ms),
            min_session_timeout: Duration::from_millis(args.min_session_timeout_ms),
            ..Self::new(args.data, args.listen)
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .init();
    match run(args.into()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut message = error.to_string();
            for cause in error.chain().skip(1) {
                write!(message, ": {cause}").ok();
            }
            let hint = error.downcast_ref::<shopctl_broker::Error>().and_then(shopctl_broker::Error::hint);
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            tracing::error!("{message}{hint}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // Every segment is an open file, and the usual soft limit of 1024 is soon reached.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    // Signals are caught before the data are read: a stop during a long start is an orderly one too.
    let (mut term, mut int) =
        runtime.block_on(async { anyhow::Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)) })?;
    let broker = Broker::open(config)?;
    runtime.block_on(broker.run(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    }))?;
    Ok(())
}
