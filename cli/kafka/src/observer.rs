use std::sync::Arc;

use rdkafka::consumer::BaseConsumer;

use crate::{
    Error,
    asker::{self, Asker},
    lag::{self, Clients},
    stats,
};

/// Asks a broker about its topics and groups, and changes nothing. Clones share their connections: keep one for whatever
/// is shown again and again. Each question is answered or refused within 10 s for each step that it takes.
#[derive(Clone)]
pub struct Observer {
    asker: Asker,
    clients: Arc<Clients>,
}

impl Observer {
    /// # Errors
    /// When there can be no client. A broker that is away is none yet.
    pub fn new(brokers: &str) -> Result<Self, Error> {
        Ok(Self { asker: Asker::new(brokers)?, clients: Arc::default() })
    }

    /// The topics, but those that the broker keeps for itself.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn topics(&self) -> Result<Vec<String>, Error> {
        let ask = |asker: &BaseConsumer| asker::all_partitions(asker, crate::client::ANSWER);
        let mut topics: Vec<String> = self.asker.ask(ask).await?.into_iter().map(|(topic, _)| topic).collect();
        topics.dedup();
        Ok(topics)
    }

    /// What stands in these topics (none: in all), by their offsets.
    ///
    /// # Errors
    /// When the broker does not answer, or a topic does not exist.
    pub async fn stats(&self, topics: &[String]) -> Result<Vec<stats::Partition>, Error> {
        let topics = topics.to_vec();
        self.asker.ask(move |asker| stats::ask(asker, &topics)).await
    }

    /// How far each consumer group is behind.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn lag(&self) -> Result<Vec<lag::Group>, Error> {
        let (clients, brokers) = (Arc::clone(&self.clients), self.asker.brokers().to_owned());
        self.asker.ask(move |asker| lag::ask(asker, &brokers, &clients)).await
    }
}
