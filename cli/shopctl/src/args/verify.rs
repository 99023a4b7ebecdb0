//! What can be typed after `verify`.

use std::time::Duration;

use clap::Args;

use super::value;

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// How long outboxes, consumers and payment may take until nothing is under way
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = value::duration)]
    pub(crate) wait: Duration,
    /// A dead letter with this key is no violation (repeat it; `*` for all)
    #[arg(long = "expect-dead-letter", value_name = "KEY")]
    pub(crate) letters: Vec<String>,
}
