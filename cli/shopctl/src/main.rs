//! The `shopctl` binary: what can be typed, what is printed, how it exits.
//!
//! It joins the other crates of `cli/` and is the only one that knows clap. It must never depend on a crate of
//! `services/`: it builds and launches their binaries.

mod args;
mod build;
mod client;
mod commands;
mod containers;
mod exit;
mod health;
mod lines;
mod printer;
mod progress;
mod protogen;
mod running;
mod seeding;
mod watching;

use std::process::ExitCode;

use clap::Parser as _;
use shopctl_protocol::Action;

use args::{Cli, Command, Internal};
use exit::Exit;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Before any thread exists: the reaper stays single-threaded.
    if let Command::Internal(Internal::Reaper { state }) = &cli.command {
        return end(shopctl_runtime::reaper::run(state).map(|()| Exit::Success).map_err(Into::into));
    }
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            let outcome = runtime.block_on(run(&cli));
            // A task may still wait for a line from stdin: nobody waits for it.
            runtime.shutdown_background();
            outcome
        });
    end(outcome)
}

fn end(outcome: anyhow::Result<Exit>) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            let (exit, hint) = exit::classify(&error);
            printer::error(&error, hint.as_deref());
            exit.into()
        }
    }
}

async fn run(cli: &Cli) -> anyhow::Result<Exit> {
    let global = &cli.global;
    match &cli.command {
        Command::Up(args) => commands::up::run(global, args).await,
        Command::Down(args) => commands::down::run(global, args).await,
        Command::Status(args) => commands::status::run(global, args).await,
        Command::Ps => commands::ps::run(global).await,
        Command::Start(args) => commands::act::run(global, args, Action::Start).await,
        Command::Stop(args) => commands::act::run(global, args, Action::Stop).await,
        Command::Restart(args) => commands::act::run(global, args, Action::Restart).await,
        Command::Ui(args) => commands::ui::run(global, args).await,
        Command::Logs(args) => commands::logs::run(global, args).await,
        Command::Events(args) => commands::events::run(global, args).await,
        Command::Trace(args) => commands::trace::run(global, args).await,
        Command::Graph(args) => commands::graph::run(global, args).await,
        Command::Env(args) => commands::env::run(global, args).await,
        Command::Fault(args) => commands::fault::run(global, args).await,
        Command::Why(args) => commands::why::run(global, args).await,
        Command::Wait(args) => commands::wait::run(global, args).await,
        Command::Psql(args) => commands::psql::run(global, args).await,
        Command::Exec(args) => commands::exec::run(global, args).await,
        Command::Prune(args) => commands::prune::run(global, args).await,
        Command::Checkout(args) => commands::checkout::run(global, args).await,
        Command::Smoke(args) => commands::smoke::run(global, args).await,
        Command::Verify(args) => commands::verify::run(global, args).await,
        Command::Migrate(args) => commands::migrate::run(global, args).await,
        Command::Seed(args) => commands::seed::run(global, args).await,
        Command::Proto(args) => commands::proto::run(global, args).await,
        Command::Doctor => commands::doctor::run(global).await,
        Command::Completions(args) => commands::completions::run(global, args).await,
        Command::Internal(command) => commands::internal::run(global, command).await,
    }
}
