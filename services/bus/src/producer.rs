use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use futures::future::join_all;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::event::Event;
use crate::sending::Sending;
use crate::settings::{Error, Log, Settings};

/// How long a record waits for room in the client's queue, ...
const PATIENCE: Duration = Duration::from_secs(60);
/// ... and how often it looks.
const LOOK: Duration = Duration::from_millis(100);
/// How often the thread that waits for deliveries looks whether it is still needed; it turns in circles for the last part of
/// a millisecond each time.
const POLL: Duration = Duration::from_secs(5);

/// A record as it goes to the broker.
pub(crate) struct Record<'a> {
    pub(crate) topic: &'a str,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: OwnedHeaders,
    /// Milliseconds since 1970; the client's clock if absent.
    pub(crate) timestamp: Option<i64>,
}

/// Where the broker has put a record: partition and offset.
pub(crate) type Place = (i32, i64);

/// The idempotent producer. Made at the start and kept: its first record would else wait for a producer id.
pub(crate) struct Producer {
    settings: Settings,
    client: Client,
}

impl Producer {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        Ok(Self { settings: settings.clone(), client: Client::new(settings)? })
    }

    /// Publishes events and returns the positions of those that the broker has, and why the others are not among them.
    ///
    /// Of each key only one event is under way at a time, and after a failure none of that key follows: else an event could
    /// time out here while the next one of its key arrives, and would come after it when it is sent again.
    pub(crate) async fn publish(&mut self, events: &[&Event]) -> (Vec<usize>, anyhow::Result<()>) {
        let mut published = Vec::with_capacity(events.len());
        let mut failed = HashSet::new();
        let mut result = Ok(());
        for wave in waves(events) {
            let ready: Vec<usize> = wave.into_iter().filter(|at| !failed.contains(&key(events[*at]))).collect();
            let sent = join_all(ready.iter().map(|at| self.tell(events[*at]))).await;
            for (at, sent) in ready.into_iter().zip(sent) {
                match sent {
                    Ok(()) => published.push(at),
                    Err(error) => {
                        failed.insert(key(events[at]));
                        result = Err(error);
                    }
                }
            }
        }
        if let Err(error) = self.renew() {
            result = Err(error.into());
        }
        (published, result)
    }

    async fn tell(&self, event: &Event) -> anyhow::Result<()> {
        let sending = Sending::begin(event);
        let headers = event.headers(sending.traceparent().as_deref().or(event.traceparent.as_deref()));
        let (key, value) = (Some(event.key.as_bytes()), Some(event.value.as_slice()));
        let sent = self.send(Record { topic: &event.topic, key, value, headers, timestamp: None }).await;
        sending.end(&sent);
        sent.map(drop)
    }

    /// Returns when all in-sync replicas have the record.
    pub(crate) async fn send(&self, record: Record<'_>) -> anyhow::Result<Place> {
        let topic = record.topic;
        self.client.send(record).await.with_context(|| format!("can't publish to {topic}"))
    }

    /// After an error that the library calls fatal, such as a broker that lost its data, a producer never works again.
    pub(crate) fn renew(&mut self) -> Result<(), Error> {
        if let Some((_, reason)) = self.client.inner.client().fatal_error() {
            tracing::error!("the producer failed for good and is made anew: {reason}");
            self.client = Client::new(&self.settings)?;
        }
        Ok(())
    }
}

/// The library's client with a thread that hears of deliveries.
///
/// Not its `FutureProducer`: that one's thread turns in circles for the last part of a millisecond of every 100 ms, which is
/// half a percent of a core for a producer that does nothing, and keeps whoever drops it waiting for as long.
struct Client {
    inner: Arc<BaseProducer<Deliveries>>,
    ended: Arc<AtomicBool>,
}

impl Client {
    fn new(settings: &Settings) -> Result<Self, Error> {
        let inner: Arc<BaseProducer<Deliveries>> = Arc::new(settings.producer().create_with_context(Deliveries)?);
        let ended = Arc::new(AtomicBool::new(false));
        let (polled, until) = (inner.clone(), ended.clone());
        thread::Builder::new()
            .name("deliveries".to_owned())
            .spawn(move || {
                while !until.load(Ordering::Relaxed) {
                    polled.poll(POLL);
                }
            })
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        Ok(Self { inner, ended })
    }

    async fn send(&self, record: Record<'_>) -> Result<Place, KafkaError> {
        let (delivered, delivery) = oneshot::channel();
        let mut waiting = BaseRecord::<[u8], [u8], _>::with_opaque_to(record.topic, Box::new(delivered));
        (waiting.key, waiting.payload) = (record.key, record.value);
        (waiting.timestamp, waiting.headers) = (record.timestamp, Some(record.headers));
        let deadline = Instant::now() + PATIENCE;
        let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
        while let Err((error, refused)) = self.inner.send(waiting) {
            if error != full || Instant::now() >= deadline {
                return Err(error);
            }
            waiting = refused;
            sleep(LOOK).await;
        }
        // Whoever waits here holds the client, which tells of every record's end.
        delivery.await.unwrap_or(Err(KafkaError::Canceled))
    }
}

impl Drop for Client {
    /// What nobody waits for any more must not be published later, when it may be out of order. The thread then ends by
    /// itself, and the library's client with it: that can hang, so nobody waits for it.
    fn drop(&mut self) {
        self.inner.purge(PurgeConfig::default().queue().inflight());
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// Tells each sender how its record ended.
struct Deliveries;

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Log.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Log.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<oneshot::Sender<Result<Place, KafkaError>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, sender: Self::DeliveryOpaque) {
        // A sender that was dropped in the middle does not want to know.
        let place = result.as_ref().map(|record| (record.partition(), record.offset()));
        let _ = sender.send(place.map_err(|(error, _)| error.clone()));
    }
}

fn key(event: &Event) -> (&str, &str) {
    (&event.topic, &event.key)
}

/// Positions of events, so grouped that each group has a key at most once and a key's events keep their order.
fn waves(events: &[&Event]) -> Vec<Vec<usize>> {
    let mut before = std::collections::HashMap::new();
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let nth: &mut usize = before.entry(key(event)).or_default();
        if *nth == waves.len() {
            waves.push(Vec::new());
        }
        waves[*nth].push(at);
        *nth += 1;
    }
    waves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_under_way_twice_and_each_keeps_its_order() {
        let events: Vec<_> =
            ["a", "b", "a", "a", "c", "b"].map(|key| Event::new("t", "s", key, "k", &()).expect("JSON")).into();
        let events: Vec<_> = events.iter().collect();
        assert_eq!(waves(&events), [vec![0, 1, 4], vec![2, 5], vec![3]]);
        assert!(waves(&[]).is_empty());
    }
}
