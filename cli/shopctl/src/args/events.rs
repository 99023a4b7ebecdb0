//! What can be typed after `events`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use super::value;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Events {
    #[command(subcommand)]
    pub(crate) chore: Option<Chore>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Only these (default: all)
    #[arg(value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// Go on as events are published
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Where to begin: `beginning`, `latest`, how long ago (5m), or a time (2026-11-27T08:00:00Z) [default: beginning, with
    /// --follow latest]
    #[arg(long, value_name = "beginning|latest|TIME", value_parser = value::begin)]
    pub(crate) from: Option<Begin>,
    /// Only those of this key
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Only those of this type, such as order_paid
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// Only those about this order
    #[arg(long, value_name = "ID")]
    pub(crate) order: Option<i64>,
    /// End after N of them
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// All headers, and the value over several lines
    #[arg(long, short, conflicts_with = "json")]
    pub(crate) pretty: bool,
}

/// What `--from` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    Beginning,
    Latest,
    /// Since 1970.
    Since(Duration),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Chore {
    /// Count what stands in topics: records, size, rate; and how far consumer groups are behind
    Stats {
        /// Only these (default: all)
        #[arg(value_name = "TOPIC")]
        topics: Vec<String>,
    },
    /// Show how far each consumer group is behind, by partition
    Lag {
        /// Only these (default: all)
        #[arg(value_name = "GROUP")]
        groups: Vec<String>,
    },
    /// Publish dead letters to where they came from; what was redriven before is passed over
    Redrive(Redrive),
    /// Publish events from a file: a JSON object on each line, with key, type, data and headers
    Publish {
        topic: String,
        /// `-` is stdin
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Redrive {
    /// A topic of dead letters, such as order_events.dlt
    pub(crate) topic: String,
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// All of them
    #[arg(long)]
    pub(crate) all: bool,
    /// Those of this key
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// One, by its place among the dead letters
    #[arg(long, value_name = "PARTITION:OFFSET", value_parser = value::place)]
    pub(crate) offset: Option<(i32, i64)>,
}
