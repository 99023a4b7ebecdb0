//! Topics, reading along, lag, dead letters and publishing, on each broker: the embedded one, and Apache Kafka where Docker
//! has it.

mod feed;
mod gaps;
mod letters;
mod observing;
mod publishing;
mod setup;
mod tail;

use std::process::ExitCode;

fn main() -> ExitCode {
    testkit::trials::run(&[tail::CASES, feed::CASES, gaps::CASES, observing::CASES, letters::CASES, publishing::CASES])
}
