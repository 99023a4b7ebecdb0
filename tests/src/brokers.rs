//! Either broker, for tests that keep their promise on both.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{broker, kafka::Kafka, trials};

/// Which broker a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Embedded,
    Kafka,
}

impl trials::Server for Kind {
    const ALL: &'static [Self] = &[Self::Embedded, Self::Kafka];

    fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Kafka => "kafka",
        }
    }

    fn available(self) -> Result<(), String> {
        match self {
            Self::Embedded => Ok(()),
            Self::Kafka => crate::kafka::available(),
        }
    }
}

/// A broker at work.
pub enum Broker {
    Embedded(Box<broker::Broker>),
    Kafka(Box<Kafka>),
    /// With other tests on it, whose topics and groups have other names: see [`unique`].
    Shared(&'static Kafka),
}

impl Broker {
    /// For a test that does not stop it: others may use it too.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn any(kind: Kind) -> Self {
        match kind {
            Kind::Embedded => Self::own(kind).await,
            Kind::Kafka => Self::Shared(blocking(Kafka::shared).await),
        }
    }

    /// Of one test alone.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn own(kind: Kind) -> Self {
        match kind {
            Kind::Embedded => Self::Embedded(Box::new(broker::Broker::start().await)),
            Kind::Kafka => Self::Kafka(Box::new(blocking(Kafka::start).await)),
        }
    }

    /// Its address for clients, the same after a restart.
    #[must_use]
    pub fn brokers(&self) -> String {
        match self {
            Self::Embedded(broker) => broker.brokers(),
            Self::Kafka(kafka) => kafka.address().to_string(),
            Self::Shared(kafka) => kafka.address().to_string(),
        }
    }

    /// Creates topics, with the settings that the shop's have.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn create(&self, topics: &[&str]) {
        shopctl_kafka::topics::create_as(&self.brokers(), topics).await.expect("the topics can be created");
    }

    /// Stops it as an outage would: Kafka's process is killed.
    ///
    /// # Panics
    /// When it is stopped already, or others use it too.
    pub async fn stop(&mut self) {
        match self {
            Self::Embedded(broker) => broker.stop().await,
            Self::Kafka(kafka) => tokio::task::block_in_place(|| kafka.kill()),
            Self::Shared(_) => panic!("others use it too"),
        }
    }

    /// From now on it answers nothing, until [`Broker::goes_on`]. The embedded one is a part of this process: it is stopped.
    ///
    /// # Panics
    /// When it does not run, or others use it too.
    pub async fn hangs(&mut self) {
        match self {
            Self::Embedded(broker) => broker.stop().await,
            Self::Kafka(kafka) => tokio::task::block_in_place(|| kafka.pause()),
            Self::Shared(_) => panic!("others use it too"),
        }
    }

    /// Ends [`Broker::hangs`].
    ///
    /// # Panics
    /// When it did not hang.
    pub async fn goes_on(&mut self) {
        match self {
            Self::Embedded(broker) => broker.restart().await,
            Self::Kafka(kafka) => tokio::task::block_in_place(|| kafka.unpause()),
            Self::Shared(_) => panic!("others use it too"),
        }
    }

    /// Starts it again at the same address, with what it had. It answers when this returns.
    ///
    /// # Panics
    /// When it runs, or does not start.
    pub async fn restart(&mut self) {
        match self {
            Self::Embedded(broker) => broker.restart().await,
            Self::Kafka(kafka) => tokio::task::block_in_place(|| kafka.restart()),
            Self::Shared(_) => panic!("others use it too"),
        }
    }
}

/// A name that no other test of this process has.
#[must_use]
pub fn unique(name: &str) -> String {
    static NAMES: AtomicU32 = AtomicU32::new(0);
    format!("{name}_{}", NAMES.fetch_add(1, Ordering::Relaxed))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
