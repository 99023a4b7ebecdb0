//! Topics, reading along, lag, dead letters and publishing, on each broker: the embedded one, and Apache Kafka where Docker
//! has it.

mod feed;
mod gaps;
mod letters;
mod observing;
mod publishing;
mod setup;
mod stored;
mod tail;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cases = [tail::CASES, feed::CASES, gaps::CASES, observing::CASES, letters::CASES, publishing::CASES];
    let (brokers, files) = (testkit::trials::run(&cases), testkit::trials::run(&[stored::CASES]));
    if brokers == ExitCode::SUCCESS { files } else { brokers }
}
