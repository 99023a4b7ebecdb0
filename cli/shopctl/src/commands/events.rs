//! `shopctl events`: what was published to Kafka, and what is to be done about it.

mod filter;
mod lag;
mod output;
mod publish;
mod redrive;
mod show;
mod stats;

use std::io;

use shopctl_kafka::{Error, Observer};

use crate::{
    args::{
        Global,
        events::{Chore, Events},
    },
    client,
    exit::{Exit, Failure},
};

pub(crate) async fn run(global: &Global, args: &Events) -> anyhow::Result<Exit> {
    let outcome = match &args.chore {
        None => show::run(global, &args.show).await,
        Some(Chore::Stats { topics }) => stats::run(global, topics).await,
        Some(Chore::Lag { groups }) => lag::run(global, groups).await,
        Some(Chore::Redrive(args)) => redrive::run(global, args).await,
        Some(Chore::Publish { topic, file }) => publish::run(global, topic, file).await,
    };
    match outcome {
        // Whoever read has read enough (`| head`).
        Err(error)
            if error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(Exit::Success)
        }
        outcome => outcome,
    }
}

/// Where the instance's broker listens.
async fn brokers(global: &Global) -> anyhow::Result<String> {
    let addresses = client::addresses(global).await?;
    let kafka = addresses.get("kafka").and_then(serde_json::Value::as_str).map(str::to_owned);
    kafka.ok_or_else(|| Failure::new(Exit::Failure, "this instance has no Kafka").into())
}

/// An error with what the user may do about it.
async fn failed(brokers: &str, error: Error) -> Failure {
    let failure = |exit| Failure::new(exit, error.to_string());
    match &error {
        Error::Unreachable { .. } | Error::Read { .. } | Error::Silent { .. } | Error::Publish { .. } => {
            failure(Exit::Failure).hint("`shopctl why kafka` and `shopctl logs kafka` tell more")
        }
        Error::NoTopic(_) | Error::NoLetters(_) => match topics(brokers).await {
            Some(topics) if !topics.is_empty() => failure(Exit::Usage).hint(format!("there are {}", topics.join(", "))),
            Some(_) | None => failure(Exit::Usage),
        },
        Error::Client { .. } | Error::Ended { .. } | Error::Create { .. } => failure(Exit::Failure),
    }
}

async fn topics(brokers: &str) -> Option<Vec<String>> {
    Observer::new(brokers).ok()?.topics().await.ok()
}
