//! `shopctl internal topics`: creates the shop's topics.

use anyhow::Context as _;

use crate::{args::Global, exit::Exit, printer};

/// The manifest gives it to the task.
const BROKERS: &str = "KAFKA_BROKERS";

pub(crate) async fn run(_global: &Global) -> anyhow::Result<Exit> {
    let brokers = std::env::var(BROKERS).with_context(|| format!("{BROKERS} does not name the broker"))?;
    for topic in shopctl_kafka::topics::create(&brokers).await? {
        printer::note(format_args!("created {topic}"));
    }
    Ok(Exit::Success)
}
