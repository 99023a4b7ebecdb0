//! Events from a file.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::json;
use shopctl_kafka::publish::{self, Place, Publisher};

use super::failed;
use crate::{
    args::Global,
    exit::{Exit, Failure},
    lines::harmless,
    printer,
};

/// How many of the lines that are wrong are told.
const TOLD: usize = 10;

pub(super) async fn run(global: &Global, topic: &str, file: &Path) -> anyhow::Result<Exit> {
    let name = if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() };
    let brokers = super::brokers(global).await?;
    let from = file.to_owned();
    let text = tokio::task::spawn_blocking(move || read(&from)).await?;
    let text = text.with_context(|| format!("cannot read {name}"))?;
    let events = publish::read(&text).map_err(|malformed| {
        let told: Vec<String> = malformed.iter().take(TOLD).map(|error| format!("{name}: {error}")).collect();
        let more = malformed.len().saturating_sub(TOLD);
        let more = if more > 0 { format!("\n… and {more} lines more") } else { String::new() };
        Failure::new(Exit::Usage, format!("nothing was published:\n{}{more}", told.join("\n"))).hint(
            "each line is one event, such as {\"key\": \"42\", \"type\": \"order_paid\", \"data\": {\"order_id\": 42}}",
        )
    })?;
    let mut published = 0;
    let show = |_: usize, Place { partition, offset }: Place| {
        published += 1;
        if global.json {
            printer::data(json!({ "topic": topic, "partition": partition, "offset": offset }));
        } else if !global.quiet {
            printer::data(format_args!("{} {partition}:{offset}", harmless(topic)));
        }
    };
    let outcome = match Publisher::new(&brokers) {
        Ok(publisher) => publisher.publish(topic, &events, show).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => Ok(Exit::Success),
        Err(error) => {
            if published > 0 {
                printer::note(format_args!("the first {published} of {} events were published", events.len()));
            }
            Err(failed(&brokers, error).await.into())
        }
    }
}

fn read(file: &PathBuf) -> std::io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file)
}
