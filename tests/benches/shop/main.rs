//! How fast the shop is: boots one of its own, drives it from outside as its clients do, and prints a table of what was
//! measured beside what was promised.
//!
//! `cargo bench -p testkit --bench shop` for all of it, `-- checkout` for the rows of that name, `-- --help` for the rest.
//! It shares the cores with the shop that it measures, and so does everything else that runs on the machine: the table
//! tells how busy that was.

mod baskets;
mod bench;
mod boot;
mod checkout;
mod client;
mod cpu;
mod events;
mod figure;
mod growth;
mod http;
mod idle;
mod instance;
mod load;
mod logins;
mod machine;
mod options;
mod orders;
mod processes;
mod products;
mod recommendations;
mod report;
mod row;
mod shop;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

use bench::Bench;
use options::Options;

// The load is made by one thread: it must leave the cores to the shop.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let bench = Bench::new(options);
    let ended = tokio::select! {
        ended = bench.run() => ended,
        signal = tokio::signal::ctrl_c() => Err(signal.map_or_else(Into::into, |()| anyhow::anyhow!("interrupted"))),
    };
    // Ends its instances, before the shell says that this is over.
    drop(bench);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::failed(&error);
            ExitCode::FAILURE
        }
    }
}
