//! The broker and the catalog's store of a shop on containers.

use testkit::{elasticsearch::Node, kafka::Kafka};

use super::part::Part;

pub(super) struct Containers {
    kafka: Kafka,
    /// Whether it was not killed.
    broker_runs: bool,
    catalog: Node,
}

impl Containers {
    /// Blocks.
    pub(super) fn start() -> Self {
        Self { kafka: Kafka::start(), broker_runs: true, catalog: Node::start() }
    }

    pub(super) fn brokers(&self) -> String {
        self.kafka.address().to_string()
    }

    pub(super) fn catalog_url(&self) -> String {
        self.catalog.url()
    }

    /// Whether one of them is this part of the shop, and runs.
    pub(super) fn run(&self, part: Part) -> bool {
        part == Part::Broker && self.broker_runs
    }

    /// SIGKILL.
    pub(super) fn kill_broker(&mut self) {
        assert!(self.broker_runs, "it runs");
        tokio::task::block_in_place(|| self.kafka.kill());
        self.broker_runs = false;
    }

    /// Starts it again, unless it runs.
    pub(super) fn start_broker(&mut self) {
        if !self.broker_runs {
            tokio::task::block_in_place(|| self.kafka.restart());
            self.broker_runs = true;
        }
    }
}
