use std::{
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext,
    client::Client,
    error::{KafkaError, KafkaResult},
    types::RDKafkaErrorCode,
};

/// For a broker of this machine that is known to be up.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);

/// Between two looks at a partition that has no leader yet.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", "shopctl")
        // The default waits up to 10 s after the broker is back.
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "500");
    config
}

/// Offsets of a partition's first record and of the one that comes next. Blocks.
///
/// Apache Kafka names the leader of a partition a moment before that one knows of it, after a start as for a new topic.
pub(crate) fn watermarks<C: ClientContext>(client: &Client<C>, topic: &str, partition: i32) -> KafkaResult<(i64, i64)> {
    let deadline = Instant::now() + ANSWER;
    loop {
        match client.fetch_watermarks(topic, partition, ANSWER) {
            Err(error) if has_no_leader_yet(&error) && Instant::now() < deadline => thread::sleep(LOOK),
            answer => return answer,
        }
    }
}

/// The broker says so, or the library does of what it has not heard of yet.
pub(crate) fn has_no_leader_yet(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let of_the_broker = [
        Code::NotLeaderForPartition,
        Code::LeaderNotAvailable,
        Code::UnknownTopicOrPartition,
        // One of the two has not heard yet that the leader began anew.
        Code::FencedLeaderEpoch,
        Code::UnknownLeaderEpoch,
    ];
    let of_the_library = [Code::UnknownPartition, Code::UnknownTopic];
    error.rdkafka_error_code().is_some_and(|code| of_the_broker.contains(&code) || of_the_library.contains(&code))
}
