//! `shopctl checkout`: what can be typed.

use clap::{Args, Subcommand};

use super::{crash::Crash, load::Load};

#[derive(Debug, Args)]
pub(crate) struct Checkout {
    /// What to play (default: simulation)
    #[command(subcommand)]
    pub(crate) story: Option<Story>,
    /// Draw the data that this number stands for (default: others each time)
    #[arg(long, value_name = "N", global = true)]
    pub(crate) seed: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Story {
    /// The happy path: a shopper buys a real basket and pays
    Simulation,
    /// Play scenarios, one after the other
    Run(Run),
    /// List the scenarios that there are
    List,
    /// Many checkouts at once, timed, and what that does to the shop
    Load(Load),
    /// Many checkouts while services die at the worst moments, and the proof that nothing is lost or done twice
    Crash(Crash),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Names of scenarios in fixtures/scenarios, or paths of files
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}
