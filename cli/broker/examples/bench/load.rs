//! What is measured through clients.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::row;

const PATIENCE: Duration = Duration::from_secs(60);
const SINGLE: usize = 2000;
const BULK: usize = 1_000_000;
/// The services' groups, one per topic and service, with some to spare.
const WAITING: usize = 10;

fn client(address: &str) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", address);
    client
}

/// Makes the topics anew.
pub(crate) fn make_topics(address: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let admin: AdminClient<DefaultClientContext> = client(address).create()?;
        for name in ["bench-single", "bench-bulk"] {
            // Left over from an earlier run, or not there: both are fine.
            admin.delete_topics(&[name], &AdminOptions::new()).await?;
            admin.create_topics([&NewTopic::new(name, 3, TopicReplication::Fixed(1))], &AdminOptions::new()).await?;
        }
        Ok(())
    })
}

/// Consumers in groups of their own, with the settings of the shop's, each of which has its partitions.
pub(crate) fn waiting_consumers(address: &str) -> anyhow::Result<Vec<BaseConsumer>> {
    let consumers = (0..WAITING).map(|number| {
        let mut client = client(address);
        client.set("group.id", format!("waiting-{number}")).set("enable.auto.commit", "false");
        let consumer: BaseConsumer =
            client.set("session.timeout.ms", "6000").set("heartbeat.interval.ms", "1000").create()?;
        consumer.subscribe(&["bench-single"])?;
        let started = Instant::now();
        while consumer.assignment()?.count() < 3 {
            anyhow::ensure!(started.elapsed() < PATIENCE, "no partitions within {PATIENCE:?}");
            consumer.poll(Duration::from_millis(100)).transpose()?;
        }
        Ok(consumer)
    });
    consumers.collect()
}

/// Latency and throughput.
pub(crate) fn measure(address: &str) -> anyhow::Result<()> {
    make_topics(address)?;
    single(address)?;
    bulk(address)
}

fn producer(address: &str, linger: &str) -> anyhow::Result<BaseProducer> {
    let mut client = client(address);
    client.set("enable.idempotence", "true").set("linger.ms", linger).set("queue.buffering.max.messages", "200000");
    Ok(client.create()?)
}

fn reader(address: &str, topic: &str) -> anyhow::Result<BaseConsumer> {
    let consumer: BaseConsumer =
        client(address).set("group.id", "bench").set("enable.auto.commit", "false").create()?;
    let mut places = rdkafka::TopicPartitionList::new();
    for partition in 0..3 {
        places.add_partition_offset(topic, partition, rdkafka::Offset::Beginning)?;
    }
    consumer.assign(&places)?;
    Ok(consumer)
}

fn next(consumer: &BaseConsumer) -> anyhow::Result<BorrowedMessage<'_>> {
    Ok(consumer.poll(PATIENCE).ok_or_else(|| anyhow::anyhow!("nothing came within {PATIENCE:?}"))??)
}

fn single(address: &str) -> anyhow::Result<()> {
    let consumer = reader(address, "bench-single")?;
    let producer = producer(address, "0")?;
    let mut times = Vec::with_capacity(SINGLE);
    for number in 0..SINGLE + 100 {
        let started = Instant::now();
        let key = number.to_string();
        producer.send(BaseRecord::to("bench-single").key(&key).payload("value")).map_err(|(error, _)| error)?;
        let received = next(&consumer)?;
        anyhow::ensure!(received.key() == Some(key.as_bytes()), "another message came");
        producer.poll(Duration::ZERO);
        // The first ones find connections and producer ids on their way.
        if number >= 100 {
            times.push(started.elapsed());
        }
    }
    times.sort();
    let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
    row("publish to consumed, p50", &ms(times[SINGLE / 2]), "");
    row("publish to consumed, p99", &ms(times[SINGLE * 99 / 100]), "5 ms");
    row("publish to consumed, longest", &ms(times[SINGLE - 1]), "");
    Ok(())
}

fn bulk(address: &str) -> anyhow::Result<()> {
    let producer = producer(address, "5")?;
    let payload = vec![b'x'; 500];
    let mut tenths = Vec::new();
    let mut tenth = Instant::now();
    let started = Instant::now();
    for number in 0..BULK {
        let key = number.to_string();
        let mut record = BaseRecord::to("bench-bulk").key(&key).payload(&payload);
        while let Err((error, back)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            producer.poll(Duration::from_millis(1));
            record = back;
        }
        producer.poll(Duration::ZERO);
        if (number + 1) % (BULK / 10) == 0 {
            // What is in the client's queue only is not written.
            producer.flush(PATIENCE)?;
            tenths.push(rate(BULK / 10, tenth.elapsed()));
            tenth = Instant::now();
        }
    }
    row("a million of 500 bytes written, a second", &format!("{:.0}", rate(BULK, started.elapsed())), "200000");
    row("  of these the first half", &format!("{:.0}", mean(&tenths[..5])), "");
    row("  of these the second half", &format!("{:.0}", mean(&tenths[5..])), "not slower");
    read_all(address)
}

/// Reads all that [`bulk`] wrote.
pub(crate) fn read_all(address: &str) -> anyhow::Result<()> {
    let consumer = reader(address, "bench-bulk")?;
    let started = Instant::now();
    for _ in 0..BULK {
        next(&consumer)?;
    }
    row("read, a second", &format!("{:.0}", rate(BULK, started.elapsed())), "");
    Ok(())
}

/// Of the rates of parts of one size: that of all of them together.
fn mean(rates: &[f64]) -> f64 {
    rates.len() as f64 / rates.iter().map(|rate| 1.0 / rate).sum::<f64>()
}

fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
