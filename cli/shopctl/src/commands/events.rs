//! `shopctl events`: what was published to Kafka, and what is to be done about it.

mod filter;
mod lag;
mod output;
mod publish;
mod redrive;
mod show;
mod stats;
mod stopped;

use std::io;

use shopctl_kafka::{Error, Observer, Stored};
use shopctl_runtime::{Client, client};

use crate::{
    args::{
        Global,
        events::{Chore, Events},
    },
    exit::{Exit, Failure},
    printer, running,
};

pub(crate) use stopped::open as stored;

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

/// Where events are read.
enum Source {
    /// From a broker that listens there.
    Broker(String),
    /// From the files of the embedded one, while it does not run.
    Files(Stored),
}

impl Source {
    /// That of the instance, whether it runs or not.
    ///
    /// # Errors
    /// When nothing can be read of it, with what to do about that.
    async fn of(global: &Global) -> anyhow::Result<Self> {
        let instance = running::instance(global)?;
        match Client::connect(&instance).await {
            Ok(client) => Ok(Self::Broker(listening(client).await?)),
            Err(client::Error::NotRunning(_)) => match stopped::open(&instance)? {
                Some(stored) => {
                    let name = &instance.name;
                    printer::note(format_args!("instance {name} does not run: this is what its broker has left"));
                    Ok(Self::Files(stored))
                }
                None => Err(running::ended(&instance).into()),
            },
            Err(error) => Err(error.into()),
        }
    }
}

/// Where the instance's broker listens.
async fn brokers(global: &Global) -> anyhow::Result<String> {
    listening(running::connect(global).await?).await
}

async fn listening(mut client: Client) -> anyhow::Result<String> {
    let addresses = client.environment(None).await?;
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
        Error::File { .. } | Error::Stored(_) => unread(&error),
    }
}

/// The same for what was asked of files.
fn missing(stored: &Stored, error: &Error) -> Failure {
    let mut failure = unread(error);
    if let Error::NoTopic(_) = error {
        let topics: Vec<&str> = stored.topics().collect();
        failure.exit = Exit::Usage;
        failure = failure.hint(format!("there are {}", topics.join(", ")));
    }
    failure
}

/// The same for the files of a broker that does not run.
fn unread(error: &Error) -> Failure {
    let failure = Failure::new(Exit::Failure, error.to_string());
    let hint = match error {
        Error::Stored(error) => error.hint(),
        _ => Some("`shopctl up kafka` starts the broker, which puts aside what is damaged".to_owned()),
    };
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

async fn topics(brokers: &str) -> Option<Vec<String>> {
    Observer::new(brokers).ok()?.topics().await.ok()
}
