//! Everything that the connections share.

use std::sync::Arc;

use crate::config::Config;
use crate::error::Error;
use crate::group::Coordinator;
use crate::identity::Identity;
use crate::offsets::{self, Offsets};
use crate::settings::Settings;
use crate::topics::Topics;

/// The only broker's id.
pub(crate) const ID: i32 = 1;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) topics: Topics,
    pub(crate) offsets: Offsets,
    pub(crate) groups: Coordinator,
}

impl Node {
    pub(crate) fn open(config: Config) -> Result<Arc<Self>, Error> {
        let dir = &config.data_dir;
        let identity = Identity::open(dir)?;
        let topics = Topics::open(dir.join("topics"), Settings::from(&config), config.fsync)?;
        let offsets = Offsets::open(dir.join(offsets::FILE), config.fsync, |topic| topics.get(topic).is_ok())?;
        let groups = Coordinator::new(config.initial_rebalance_delay);
        Ok(Arc::new(Self { config, identity, topics, offsets, groups }))
    }

    /// Deletes what is older or larger than its topic keeps.
    pub(crate) fn retain(&self, now: i64) {
        for topic in self.topics.all() {
            for partition in &topic.partitions {
                if let Err(error) = partition.log().retain(&topic.settings, now) {
                    tracing::error!(topic = topic.name, %error, "cannot delete old segments");
                }
            }
        }
    }
}
