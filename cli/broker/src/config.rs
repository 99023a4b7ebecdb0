//! What a broker is told at its start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::settings::Settings;

/// What a broker is told at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Everything that outlives the process; one broker at a time.
    pub data_dir: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Host and port that clients are told to connect to; by default the address that they came in by.
    pub advertise: Option<(String, u16)>,
    /// Make a topic when a client asks for one that does not exist.
    pub auto_create_topics: bool,
    /// Partitions of a topic whose creator leaves the number open.
    pub default_partitions: u16,
    /// Wait for the disk before acknowledging. Without it, data survive the end of any process, not a power cut.
    pub fsync: bool,
    /// Age after which segments are deleted, for topics without `retention.ms`; `None` keeps everything.
    pub retention: Option<Duration>,
    /// Size in bytes above which a partition's segments are deleted, for topics without `retention.bytes`.
    pub retention_bytes: Option<u64>,
    /// Size of a segment file in bytes, for topics without `segment.bytes`.
    pub segment_bytes: u64,
    /// How often segments are looked through for what is to be deleted.
    pub retention_interval: Duration,
    /// How long a consumer group that was empty waits for more members before the first rebalance.
    pub initial_rebalance_delay: Duration,
    /// The shortest session timeout that a group's member may ask for.
    pub min_session_timeout: Duration,
    /// The longest session timeout that a group's member may ask for.
    pub max_session_timeout: Duration,
    /// How long a connection stays open on which no request comes, and no answer is taken.
    pub idle_patience: Duration,
    /// How long a request may take to arrive, from its first byte to its last.
    pub frame_patience: Duration,
}

impl Config {
    /// Apache Kafka's defaults, except that there is no initial rebalance delay, segments are smaller (64 MiB), and half a
    /// request is not waited for as long as the next one.
    pub fn new(data_dir: impl Into<PathBuf>, listen: SocketAddr) -> Self {
        let settings = Settings::default();
        Self {
            data_dir: data_dir.into(),
            listen,
            advertise: None,
            auto_create_topics: false,
            default_partitions: 1,
            fsync: false,
            retention: Some(Duration::from_secs(7 * 24 * 60 * 60)),
            retention_bytes: settings.retention_bytes,
            segment_bytes: settings.segment_bytes,
            retention_interval: Duration::from_secs(60),
            initial_rebalance_delay: Duration::ZERO,
            min_session_timeout: Duration::from_secs(6),
            max_session_timeout: Duration::from_secs(30 * 60),
            idle_patience: Duration::from_secs(10 * 60),
            frame_patience: Duration::from_secs(30),
        }
    }
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        Self {
            retention_ms: config.retention.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
            retention_bytes: config.retention_bytes,
            segment_bytes: config.segment_bytes,
            ..Self::default()
        }
    }
}
