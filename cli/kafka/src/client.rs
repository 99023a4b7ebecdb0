use std::time::Duration;

use rdkafka::ClientConfig;

/// For a broker of this machine that is known to be up.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);

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
