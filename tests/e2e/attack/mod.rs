//! The shop while its parts are killed, cut off, doubled and fed with rubbish. Whatever happens to them, once it is quiet
//! the databases and the topics agree: see [`ledger`].
//!
//! Its parts are not under `shopctl` here but under the tests themselves, which decide when each of them runs.

mod broker_away;
mod client;
mod database_away;
mod kills;
mod ledger;
mod load;
mod part;
mod poison;
mod races;
mod redelivery;
mod replicas;
mod site;
mod stopping;
mod topic;

/// A figure that the environment may set: the tests' own are small, so that all of them together take minutes.
fn figure(variable: &str, or: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
        Err(_) => or,
    }
}
