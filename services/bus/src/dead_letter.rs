use rdkafka::Message;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, OwnedHeaders, OwnedMessage};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::Mutex;

use crate::producer::{Producer, Record};
use crate::settings::{Error, Settings};

/// What the consumer adds to a record's own headers begins with this; a redrive takes it off again.
const PREFIX: &str = "dlt_";

/// How much is told of why a record was refused, in bytes: a reason may quote what it speaks of.
const LONGEST_REASON: usize = 1024;
/// The longest key that stays when the rest of a record has no room, in bytes.
const LONGEST_KEY: usize = 1024;

/// Where records go that can't be applied: `<topic>.dlt`, as they are, with where they come from and why.
pub(crate) struct DeadLetters {
    producer: Mutex<Producer>,
    group: String,
}

impl DeadLetters {
    pub(crate) fn new(settings: &Settings, group: &str) -> Result<Self, Error> {
        Ok(Self { producer: Mutex::new(Producer::new(settings)?), group: group.to_owned() })
    }

    /// Returns when the dead letter is safe with the broker.
    ///
    /// The shop's dead letters may be larger than its records, but a producer may have packed a giant. Its letter comes without
    /// the value and says so (`dlt_omitted`): the record stands where `dlt_offset` says, and its partition must not stand still.
    pub(crate) async fn send(&self, record: &OwnedMessage, reason: &str) -> anyhow::Result<()> {
        let topic = format!("{}.dlt", record.topic());
        let told = self.told(record, reason);
        let own = record.headers().into_iter().flat_map(Headers::iter).filter(|header| !header.key.starts_with(PREFIX));
        let whole = Record {
            topic: &topic,
            key: record.key(),
            value: record.payload(),
            headers: with(own.fold(OwnedHeaders::new(), OwnedHeaders::insert), &told),
            timestamp: record.timestamp().to_millis(),
        };
        let mut producer = self.producer.lock().await;
        let sent = match producer.send(whole).await {
            Err(error) if is_too_large(&error) => {
                tracing::warn!("the record is too large to be kept whole among the dead letters");
                let omitted = with(OwnedHeaders::new(), &[("dlt_omitted", "too large".to_owned())]);
                let part = Record {
                    topic: &topic,
                    key: record.key().filter(|key| key.len() <= LONGEST_KEY),
                    value: None,
                    headers: with(omitted, &told),
                    timestamp: record.timestamp().to_millis(),
                };
                producer.send(part).await
            }
            sent => sent,
        };
        producer.renew()?;
        sent.map(drop)
    }

    fn told(&self, record: &OwnedMessage, reason: &str) -> [(&'static str, String); 5] {
        [
            ("dlt_topic", record.topic().to_owned()),
            ("dlt_partition", record.partition().to_string()),
            ("dlt_offset", record.offset().to_string()),
            ("dlt_group", self.group.clone()),
            ("dlt_error", reason[..reason.floor_char_boundary(LONGEST_REASON)].to_owned()),
        ]
    }
}

fn with(headers: OwnedHeaders, more: &[(&str, String)]) -> OwnedHeaders {
    more.iter().fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
}

/// Whether the client or the broker says so.
fn is_too_large(error: &anyhow::Error) -> bool {
    let too_large = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);
    error.downcast_ref::<KafkaError>() == Some(&too_large)
}
