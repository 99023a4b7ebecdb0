//! `shopctl fault`: what can be typed.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use shopctl_core::failpoint;

use super::value;

#[derive(Debug, Args)]
pub(crate) struct Fault {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Break an edge (order/product), a topic (order_events) or a resource (order)
    Set(Set),
    /// Have something happen at a named point of a service's code (in a shop of `up --failpoints`)
    Point(Point),
    /// Show what is broken on purpose
    List,
    /// Make something whole again
    Clear(Clear),
    /// Kill resources with SIGKILL, as `set RESOURCE kill` does
    Kill(Kill),
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// An edge such as order/product, a topic such as order_events, or a resource
    #[arg(value_name = "WHERE")]
    pub(crate) on: String,
    #[arg(value_enum, value_name = "KIND")]
    pub(crate) kind: Kind,
    /// How long latency and delay are [default: 200ms]
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    pub(crate) delay: Option<Duration>,
    /// How much more or less of that
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    pub(crate) jitter: Option<Duration>,
    /// How late what others overtake is, at most [default: 200ms]
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    pub(crate) within: Option<Duration>,
    /// Strike only this share, such as 20%
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) rate: Option<f64>,
    /// Over by itself after this long
    #[arg(long = "for", value_name = "TIME", value_parser = value::duration)]
    pub(crate) time: Option<Duration>,
    /// Strike those that this number draws (default: others each time)
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Edge: what is sent arrives later (--delay, --jitter)
    Latency,
    /// Edge: a connection is reset once something is sent on it
    Reset,
    /// Edge: a black hole, until it is over
    Timeout,
    /// Edge: nobody listens
    Refuse,
    /// Topic: what is published stands there twice
    Duplicate,
    /// Topic: what is published arrives later (--delay, --jitter)
    Delay,
    /// Topic: what is published arrives in another order (--within), never within a key
    Reorder,
    /// Topic: what is published is refused and has to be published again
    Drop,
    /// Topic: records that are no events stand in between
    Poison,
    /// Resource: SIGKILL, as if it had crashed
    Kill,
    /// Resource: SIGSTOP, until it is cleared
    Pause,
    /// Resource: stopped, until it is started
    Stop,
    /// Resource: stopped and started again
    Restart,
}

#[derive(Debug, Args)]
pub(crate) struct Point {
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// Its name, such as create-before-commit
    #[arg(value_name = "POINT")]
    pub(crate) point: String,
    /// [P%][N*]TASK, and several of them by `->`; tasks are abort, delay(MILLISECONDS), pause, panic and off
    #[arg(value_name = "ACTION", value_parser = action)]
    pub(crate) action: String,
}

#[derive(Debug, Args)]
pub(crate) struct Clear {
    /// Where: an edge, a topic, or a resource that is paused or has failpoints
    #[arg(value_name = "WHERE", required_unless_present = "all")]
    pub(crate) on: Vec<String>,
    /// Everything that is broken on purpose
    #[arg(long, conflicts_with = "on")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Kill {
    #[arg(value_name = "RESOURCE", required = true)]
    pub(crate) resources: Vec<String>,
}

fn action(text: &str) -> Result<String, failpoint::Error> {
    text.parse::<failpoint::Action>().map(|action| action.to_string())
}

fn share(text: &str) -> Result<f64, String> {
    shopctl_protocol::share(text).ok_or_else(|| "expected a share such as 20% or 0.2".to_owned())
}
