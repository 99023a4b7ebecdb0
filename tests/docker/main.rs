//! The whole shop on containers: PostgreSQL, Apache Kafka and Elasticsearch, as `shopctl up --infra docker` boots them. Shown as
//! ignored, with the reason, where no Docker daemon answers or an image is missing.

mod containers;
mod instance;

use std::process::ExitCode;

use testkit::{docker, trials};

/// Stand-ins for the official images; `compose/images/build` makes them.
const IMAGES: [(&str, &str); 3] = [
    ("POSTGRES_IMAGE", "shopctl-test/postgres:15"),
    ("KAFKA_IMAGE", "shopctl-test/kafka:4.4.0"),
    ("ELASTICSEARCH_IMAGE", "shopctl-test/elasticsearch:9.4.3"),
];

/// What these tests run on.
#[derive(Clone, Copy)]
struct Docker;

impl trials::Server for Docker {
    const ALL: &'static [Self] = &[Self];

    fn name(self) -> &'static str {
        "docker"
    }

    fn available(self) -> Result<(), String> {
        IMAGES.iter().try_for_each(|(_, image)| docker::available(image))
    }
}

fn main() -> ExitCode {
    trials::run(&[containers::CASES])
}
