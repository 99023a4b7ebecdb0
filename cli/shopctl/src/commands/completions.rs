//! `shopctl completions`: a shell's completion script.

use clap::CommandFactory as _;

use crate::{
    args::{Cli, Completions, Global},
    exit::Exit,
    printer,
};

pub(crate) async fn run(_global: &Global, args: &Completions) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "shopctl", &mut script);
    printer::data(String::from_utf8_lossy(&script).trim_end());
    Ok(Exit::Success)
}
