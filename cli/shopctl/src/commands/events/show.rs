//! Events as they stand, and as they come.

use futures::FutureExt as _;
use shopctl_kafka::{
    Feed, Stored,
    feed::{Topics, Update},
    tail::Start,
};
use shopctl_protocol::{LogFilter, Update as Change};
use shopctl_runtime::client::Watch;

use super::{Source, failed, filter, missing, output::Output, unread};
use crate::{
    args::{
        Global,
        events::{Begin, Show},
    },
    exit::{Exit, Failure},
    printer, running,
};

pub(super) async fn run(global: &Global, args: &Show) -> anyhow::Result<Exit> {
    if args.from == Some(Begin::Latest) && !args.follow {
        let failure = Failure::new(Exit::Usage, "nothing comes after the latest event yet");
        return Err(failure.hint("add --follow to wait for what comes").into());
    }
    let source = match args.follow {
        // Nothing comes while it does not run.
        true => Source::Broker(super::brokers(global).await?),
        false => Source::of(global).await?,
    };
    let topics = if args.topics.is_empty() { Topics::All } else { Topics::Only(args.topics.clone()) };
    let start = match args.from {
        Some(Begin::Beginning) => Start::Earliest,
        Some(Begin::Latest) => Start::Latest,
        Some(Begin::Since(since)) => Start::Since(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        None if args.follow => Start::Latest,
        None => Start::Earliest,
    };
    let output = Output::new(global, args);
    let brokers = match source {
        Source::Broker(brokers) => brokers,
        Source::Files(stored) => return files(args, &stored, &topics, start, output),
    };
    let mut feed = match Feed::open(&brokers, topics, start).await {
        Ok(feed) => feed,
        Err(error) => return Err(failed(&brokers, error).await.into()),
    };
    let told = tokio::select! {
        told = tell(global, args, &mut feed, output) => told?,
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| None)?,
    };
    match told {
        None => Ok(Exit::Success),
        Some(error) => Err(failed(&brokers, error).await.into()),
    }
}

/// From files, which are read as fast as they are shown: Ctrl-C ends that as it ends any program that reads.
fn files(args: &Show, stored: &Stored, topics: &Topics, start: Start, mut output: Output) -> anyhow::Result<Exit> {
    let limit = args.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let events = stored.events(topics, start).map_err(|error| missing(stored, &error))?;
    let wanted = events.filter(|event| event.as_ref().map_or(true, |event| filter::takes(args, event)));
    for event in wanted.take(limit) {
        match event {
            Ok(event) => output.print(&event)?,
            Err(error) => {
                output.flush()?;
                return Err(unread(&error).into());
            }
        }
    }
    output.flush()?;
    Ok(Exit::Success)
}

/// Until the end, if there is one, or until the broker says no.
async fn tell(
    global: &Global,
    args: &Show,
    feed: &mut Feed,
    mut output: Output,
) -> anyhow::Result<Option<shopctl_kafka::Error>> {
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut ended = if args.follow { Some(watch(global).await?) } else { None };
    loop {
        let update = match feed.next().now_or_never() {
            Some(update) => update,
            // Nothing more at the moment: now is the time to show what there is.
            None => {
                output.flush()?;
                match &mut ended {
                    Some(watch) => tokio::select! {
                        update = feed.next() => update,
                        () = down(watch) => return Ok(None),
                    },
                    None => match feed.replayed().await {
                        Ok(Some(event)) => Ok(Update::Event(Box::new(event))),
                        Ok(None) => Ok(Update::CaughtUp),
                        Err(error) => Err(error),
                    },
                }
            }
        };
        match update {
            Ok(Update::Event(event)) if filter::takes(args, &event) => {
                output.print(&event)?;
                left -= 1;
            }
            Ok(Update::Event(_)) => continue,
            Ok(Update::CaughtUp) if args.follow => {}
            Ok(Update::CaughtUp) => left = 0,
            Ok(Update::Away(error)) if args.follow => printer::note(format_args!("{error}; waiting for it")),
            Ok(Update::Back) => printer::note("Kafka answers again"),
            Ok(Update::Away(error)) | Err(error) => {
                output.flush()?;
                return Ok(Some(error));
            }
        }
        if left == 0 {
            output.flush()?;
            return Ok(None);
        }
    }
}

async fn watch(global: &Global) -> anyhow::Result<Watch> {
    Ok(running::connect(global).await?.watch(LogFilter::None).await?)
}

/// Until the instance is down: then nothing comes any more.
async fn down(watch: &mut Watch) {
    loop {
        match watch.next().await {
            Ok(Some(Change::Down) | None) | Err(_) => return,
            Ok(Some(
                Change::Snapshot { .. }
                | Change::Changed { .. }
                | Change::Progress { .. }
                | Change::Line { .. }
                | Change::Figures { .. }
                | Change::Logged
                | Change::Missed { .. }
                | Change::Booted { .. }
                | Change::Stopping { .. },
            )) => {}
        }
    }
}
