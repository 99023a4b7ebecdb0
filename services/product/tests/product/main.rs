//! The product service as its clients see it: over HTTP, from its topic, and across crashes of the real program. What its
//! stores have in common runs on each of them; Elasticsearch where Docker has it.

mod access;
mod bulk;
mod catalog;
mod crash;
mod elasticsearch;
mod events;
#[cfg(feature = "failpoints")]
mod failpoints;
mod fastapi;
mod program;
mod search;
mod spans;
mod support;
mod topic;

use std::process::ExitCode;

fn main() -> ExitCode {
    let common = testkit::trials::run(&[
        access::CASES,
        bulk::CASES,
        catalog::CASES,
        crash::CASES,
        events::CASES,
        #[cfg(feature = "failpoints")]
        failpoints::CASES,
        fastapi::CASES,
        search::CASES,
        spans::CASES,
    ]);
    let elasticsearch = testkit::trials::run(&[elasticsearch::CASES]);
    if common == ExitCode::SUCCESS { elasticsearch } else { common }
}
