//! The bus against a real PostgreSQL and each broker: the embedded one, and Apache Kafka where Docker has it.

mod consumer;
mod dead_letters;
#[cfg(feature = "failpoints")]
mod failpoints;
mod figures;
mod outages;
mod relay;
mod setup;
mod tail;

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    if failpoints::is_victim() {
        return failpoints::victim();
    }
    testkit::trials::run(&[
        consumer::CASES,
        dead_letters::CASES,
        #[cfg(feature = "failpoints")]
        failpoints::CASES,
        figures::CASES,
        outages::CASES,
        relay::CASES,
        tail::CASES,
    ])
}
