//! The whole shop on containers: PostgreSQL, Apache Kafka and Elasticsearch, as `shopctl up --infra docker` boots them. Shown as
//! ignored, with the reason, where no Docker daemon answers or an image is missing.

mod conflicts;
mod containers;
mod daemon;
mod endings;
mod faults;
mod instance;

use std::process::ExitCode;

use testkit::{docker, trials};

/// What these tests run on.
#[derive(Clone, Copy)]
struct Docker;

impl trials::Server for Docker {
    const ALL: &'static [Self] = &[Self];

    fn name(self) -> &'static str {
        "docker"
    }

    fn available(self) -> Result<(), String> {
        docker::IMAGES.iter().try_for_each(|(_, image)| docker::available(image))
    }
}

fn main() -> ExitCode {
    trials::run(&[containers::CASES, endings::CASES, conflicts::CASES, daemon::CASES, faults::CASES])
}
