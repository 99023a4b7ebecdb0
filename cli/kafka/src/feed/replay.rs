//! What stood there, merged by time; then what comes.

use std::{cmp::Reverse, collections::BinaryHeap};

use futures::{StreamExt as _, stream::SelectAll};
use rdkafka::error::KafkaError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    Update,
    source::{Item, Source},
};
use crate::{Error, Event};

type Told = mpsc::Sender<Result<Update, Error>>;

/// Nobody reads the feed any more.
struct Gone;

pub(super) async fn run(
    sources: Vec<Source>,
    new: mpsc::UnboundedReceiver<mpsc::Receiver<Item>>,
    told: Told,
    brokers: String,
) {
    let gone = told.closed();
    tokio::select! {
        // Either way nobody listens.
        Err(Gone) | Ok(()) = told_all(sources, new, &told, &brokers) => {}
        () = gone => {}
    }
}

async fn told_all(
    mut sources: Vec<Source>,
    mut new: mpsc::UnboundedReceiver<mpsc::Receiver<Item>>,
    told: &Told,
    brokers: &str,
) -> Result<(), Gone> {
    replay(&mut sources, told, brokers).await?;
    tell(told, Ok(Update::CaughtUp)).await?;
    let mut items = SelectAll::new();
    for source in sources {
        if let Some(event) = source.early {
            tell(told, Ok(Update::Event(event))).await?;
        }
        items.push(ReceiverStream::new(source.items));
    }
    loop {
        tokio::select! {
            Some(item) = items.next() => match item {
                Item::Event(event) => tell(told, Ok(Update::Event(event))).await?,
                Item::End => {}
                Item::Failed(topic, source) => tell(told, Err(failed(brokers, topic, source))).await?,
            },
            Some(source) = new.recv() => items.push(ReceiverStream::new(source)),
            else => return Ok(()),
        }
    }
}

/// Tells the oldest of the partitions' next events, again and again. A partition keeps its own order whatever the times say.
async fn replay(sources: &mut [Source], told: &Told, brokers: &str) -> Result<(), Gone> {
    let mut heads: Vec<Option<Box<Event>>> = Vec::new();
    let mut oldest = BinaryHeap::new();
    for (at, source) in sources.iter_mut().enumerate() {
        heads.push(advance(source, told, brokers).await?);
        oldest.extend(heads[at].as_ref().map(|event| Reverse((event.timestamp, at))));
    }
    while let Some(Reverse((_, at))) = oldest.pop() {
        if let Some(event) = heads[at].take() {
            tell(told, Ok(Update::Event(event))).await?;
        }
        heads[at] = advance(&mut sources[at], told, brokers).await?;
        oldest.extend(heads[at].as_ref().map(|event| Reverse((event.timestamp, at))));
    }
    Ok(())
}

/// The next event of a partition before its end.
async fn advance(source: &mut Source, told: &Told, brokers: &str) -> Result<Option<Box<Event>>, Gone> {
    while source.next < source.end {
        match source.items.recv().await {
            Some(Item::Event(event)) => {
                source.next = event.offset + 1;
                if event.offset < source.end {
                    return Ok(Some(event));
                }
                source.early = Some(event);
            }
            // What is left of it is no record.
            Some(Item::End) | None => source.next = source.end,
            Some(Item::Failed(topic, source)) => tell(told, Err(failed(brokers, topic, source))).await?,
        }
    }
    Ok(None)
}

fn failed(brokers: &str, topic: String, source: Box<KafkaError>) -> Error {
    Error::Read { brokers: brokers.to_owned(), topic, source }
}

async fn tell(told: &Told, update: Result<Update, Error>) -> Result<(), Gone> {
    told.send(update).await.map_err(|_| Gone)
}
