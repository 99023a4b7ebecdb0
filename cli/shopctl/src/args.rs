//! What can be typed: clap's types and nothing else.

pub(crate) mod boot;
pub(crate) mod checkout;
pub(crate) mod crash;
pub(crate) mod events;
pub(crate) mod fault;
pub(crate) mod graph;
pub(crate) mod load;
pub(crate) mod smoke;
pub(crate) mod trace;
mod value;
pub(crate) mod verify;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use shopctl_telemetry::Target;

use boot::Boot;

/// Runs a whole shop on your machine, and proves that its checkouts come out right.
#[derive(Debug, Parser)]
#[command(name = "shopctl", version, about, max_term_width = 110)]
#[command(after_help = "First time here? `shopctl up` in one terminal, `shopctl checkout` in another.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Which of this workspace's instances
    #[arg(long, global = true, value_name = "NAME", default_value = "default", env = "SHOPCTL_INSTANCE", hide_env_values = true, value_parser = value::instance_name)]
    pub(crate) instance: String,
    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say more (repeat for even more)
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say only what matters
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Ports of its own from a free block; counts at an instance's first `up` and is remembered
    #[arg(long, global = true, conflicts_with = "port_offset")]
    pub(crate) isolated: bool,
    /// Add N to every port; counts at an instance's first `up` and is remembered
    #[arg(long, global = true, value_name = "N")]
    pub(crate) port_offset: Option<u16>,
    /// Another manifest than the workspace's compose/services.toml
    #[arg(long, global = true, value_name = "FILE", hide = true)]
    pub(crate) manifest: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build and boot the shop (or only some of it, with what that needs)
    Up(Up),
    /// Stop the shop; its data, secrets and ports stay
    Down(Down),
    /// Say what runs and what does not, and why
    Status(Status),
    /// List this user's instances
    Ps,
    /// Start resources that are stopped, failed or run elsewhere, with what they need
    Start(Act),
    /// Stop resources; whoever needs them goes on without
    Stop(Act),
    /// Stop resources and start them again
    Restart(Act),
    /// Open the dashboard of a running shop; leaving it changes nothing
    Ui(Ui),
    /// Show what the resources wrote
    Logs(Logs),
    /// Show what was published to Kafka; publish, and redrive dead letters
    Events(events::Events),
    /// Tell all that happened to an order: spans, events, rows, log lines, and what it waits for
    Trace(trace::Trace),
    /// Show who speaks with whom: as declared, as observed, and where the two differ
    Graph(graph::Graph),
    /// Print the addresses of a running shop, or what a service needs to be run by hand
    Env(Env),
    /// Break something of a running shop on purpose, and make it whole again
    Fault(fault::Fault),
    /// Explain why a resource is not ready, down to the root cause
    Why(Why),
    /// Wait until the shop, or some of it, is ready (one that does not run is an error at once)
    Wait(Wait),
    /// Open a database of the running shop
    Psql(Psql),
    /// Run a program with a resource's environment, in its folder
    Exec(Exec),
    /// Remove what stopped instances have left: data, secrets, logs, ports
    Prune(Prune),
    /// Buy a real basket and prove that the order came out right
    Checkout(checkout::Checkout),
    /// Boot a shop of its own, play scenarios, prove the outcome, report, remove it all: what a CI job calls
    Smoke(smoke::Smoke),
    /// Prove that all databases and topics agree, once the shop is quiet
    Verify(verify::Verify),
    /// Bring the services' databases up to date
    Migrate(Migrate),
    /// Load the catalog into the shop
    Seed(Seed),
    /// Generate the Rust of the contracts in proto/
    Proto(Proto),
    /// Check this machine: toolchain, PostgreSQL, ports, disk
    Doctor,
    /// Print the completion script of a shell
    Completions(Completions),
    /// What shopctl runs itself
    #[command(subcommand, hide = true)]
    Internal(Internal),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Up {
    /// Only these, and what they need
    #[arg(value_name = "RESOURCE")]
    pub(crate) resources: Vec<String>,
    /// Return once all is ready, and leave it running
    #[arg(long, short)]
    pub(crate) detach: bool,
    /// Plain lines in place of the dashboard, as without a terminal or with CI=true
    #[arg(long)]
    pub(crate) no_tui: bool,
    /// Draw the dashboard with ASCII only, as where the locale is not UTF-8
    #[arg(long)]
    pub(crate) ascii: bool,
    #[command(flatten)]
    pub(crate) boot: Boot,
    /// Another image for a container, such as kafka=apache/kafka:4.1.0
    #[arg(long = "image", value_name = "RESOURCE=IMAGE", value_parser = value::image)]
    pub(crate) images: Vec<Image>,
    /// Leave containers running when all else stops; the next `up` takes them over
    #[arg(long)]
    pub(crate) keep_infra: bool,
    /// Rebuild and restart what a change in the workspace concerns
    #[arg(long, conflicts_with_all = ["no_build", "bin_dir"])]
    pub(crate) watch: bool,
    /// Build and boot services that can be told to fail at named points of their code
    #[arg(long)]
    pub(crate) failpoints: bool,
    /// Put a proxy on each edge between resources, so that `shopctl fault` can break it
    #[arg(long)]
    pub(crate) faults: bool,
    /// Don't launch this service: it runs elsewhere (an IDE), only its port is probed
    #[arg(long, value_name = "SERVICE")]
    pub(crate) external: Vec<String>,
}

/// One `--image`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) resource: String,
    pub(crate) image: String,
}

/// `start`, `stop` and `restart`.
#[derive(Debug, Args)]
pub(crate) struct Act {
    #[arg(value_name = "RESOURCE", required = true)]
    pub(crate) resources: Vec<String>,
    /// Return at once instead of when it is done
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Give up waiting after this long
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = value::duration)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    /// Also remove its data, secrets, logs and ports
    #[arg(long)]
    pub(crate) volumes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Go on as things change
    #[arg(long, short)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ui {
    /// Draw with ASCII only, as where the locale is not UTF-8
    #[arg(long)]
    pub(crate) ascii: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Only these (default: all)
    #[arg(value_name = "RESOURCE")]
    pub(crate) resources: Vec<String>,
    /// Go on as lines are written
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only the last N lines of each
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) tail: Option<usize>,
    /// Only lines written since then: how long ago (5m), or a time (2026-11-27T08:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = value::moment)]
    pub(crate) since: Option<u64>,
    /// Only lines written before then
    #[arg(long, value_name = "TIME", value_parser = value::moment)]
    pub(crate) until: Option<u64>,
    /// Only lines in which this regular expression matches
    #[arg(long, value_name = "REGEX")]
    pub(crate) grep: Option<String>,
    /// Only lines of this level or worse; one without a level belongs to the line before it
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) level: Option<Level>,
    /// Only lines of this trace: its id of 32 hexadecimal digits, or a `traceparent`
    #[arg(long, value_name = "ID", value_parser = value::trace)]
    pub(crate) trace: Option<String>,
    /// No colours, not even those of the resources
    #[arg(long)]
    pub(crate) no_color: bool,
    /// Show when each line was written
    #[arg(long, short)]
    pub(crate) timestamps: bool,
}

/// How bad something is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Args)]
pub(crate) struct Env {
    /// The variables that this service runs with
    pub(crate) service: Option<String>,
    /// As lines of a .env file
    #[arg(long, conflicts_with = "json")]
    pub(crate) dotenv: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Why {
    pub(crate) resource: String,
}

#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Only these (default: all)
    #[arg(value_name = "RESOURCE")]
    pub(crate) resources: Vec<String>,
    /// Give up after this long
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = value::duration)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Psql {
    /// Which one, such as order_db
    #[arg(value_name = "DB")]
    pub(crate) database: String,
    /// Use shopctl's own small client (`-c SQL`, or statements from stdin), as where there is no psql and with --json
    #[arg(long)]
    pub(crate) builtin: bool,
    /// What psql is told
    #[arg(last = true, value_name = "ARGS", allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Exec {
    pub(crate) resource: String,
    /// What to run
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Don't ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Only these services (default: all that own a database)
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Seed {
    /// Also give the real orders of the past to the recommender
    #[arg(long)]
    pub(crate) history: bool,
    /// Do nothing when the shop has products already
    #[arg(long, hide = true)]
    pub(crate) if_empty: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Proto {
    /// Only say whether the committed code is what the contracts give
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Internal {
    /// The ancestor of everything that an instance runs: ends what is left when the supervisor is gone
    Reaper {
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
    /// Owns all resources of one instance
    Supervisor {
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
    /// Builds the binaries, telling its progress
    Build {
        #[arg(long, value_enum, default_value_t = Profile::Debug)]
        profile: Profile,
    },
    /// Rebuilds and restarts what changes (`up --watch`)
    Watch {
        #[arg(long, value_enum, default_value_t = Profile::Debug)]
        profile: Profile,
    },
    /// Finds or downloads the PostgreSQL server and prepares its template cluster
    PostgresInstall,
    /// Prepares the cluster of a database, then becomes its server
    Postgres { name: String },
    /// Makes sure that the images of the containers are here, and the network for them
    Images,
    /// Attends to a container from its start to its end
    Container { name: String },
    /// Ends the containers of an instance that nobody attends to any more
    StopContainers {
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
    /// Creates the shop's topics
    Topics,
    /// Stands on the edges between resources (`up --faults`)
    Proxy,
    /// Receives traces and metrics, and keeps them
    Telemetry(Telemetry),
}

#[derive(Debug, Args)]
pub(crate) struct Telemetry {
    /// Where they are kept
    #[arg(long, value_name = "DIR")]
    pub(crate) store: PathBuf,
    /// Where OTLP comes in over gRPC
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) grpc: SocketAddr,
    /// Where OTLP comes in over HTTP
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) http: SocketAddr,
    /// How much is kept on disk at most; the oldest goes first
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u64).range(4..=1 << 20))]
    pub(crate) max_mib: u64,
    /// How long it is kept at most
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = value::duration)]
    pub(crate) max_age: Duration,
    /// Another collector that gets all of it, too
    #[arg(long, value_name = "URL", env = crate::commands::telemetry::FORWARD, hide_env_values = true)]
    pub(crate) forward: Option<Target>,
}

/// How binaries are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    Debug,
    Release,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_shows_every_command_and_only_those_that_exist() {
        insta::assert_snapshot!(Cli::command().term_width(100).render_long_help());
    }
}
