//! The command line that every service has.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Arg, ArgAction, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

use crate::auth;
use crate::config::{COMMON, Lookup, Variable};
#[cfg(feature = "failpoints")]
use crate::crash;
use crate::descriptors;
use crate::service::Service;
use crate::shutdown::{LIMIT, Shutdown};
use crate::telemetry;

/// Exit code of a configuration that can't be used, as of a command line that can't.
const USAGE: u8 = 2;

/// Signals that come within this time of the first are the same.
const SAME: Duration = Duration::from_millis(300);

/// Runs the service as its command line and environment say. Exits with 0 after an orderly end, 1 after a failure (with
/// the chain of its causes on stderr), 2 on a usage or configuration error (with a hint).
pub fn main<S: Service>() -> ExitCode {
    let matches = command::<S>().get_matches();
    let lookup = Lookup::from_env();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {}: can't start threads: {error}", S::NAME);
            return ExitCode::FAILURE;
        }
    };
    // What sends telemetry lives in it.
    let entered = runtime.enter();
    let config = match telemetry::init(S::NAME, &lookup).and_then(|()| S::config(&lookup)) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("error: {}: {error}\nhint: {}", S::NAME, error.hint());
            return ExitCode::from(USAGE);
        }
    };
    descriptors::raise();
    #[cfg(feature = "failpoints")]
    let _armed = crash::arm();
    drop(entered);
    let result = runtime.block_on(async {
        match matches.subcommand_name() {
            Some("migrate") => S::migrate(config).await,
            _ => serve::<S>(config).await,
        }
    });
    telemetry::flush();
    // A client library's thread that hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(500));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}: {}", S::NAME, telemetry::chain(error.as_ref()));
            if let Some(error) = error.downcast_ref::<auth::Error>() {
                eprintln!("hint: {}", error.hint());
            }
            ExitCode::FAILURE
        }
    }
}

fn command<S: Service>() -> Command {
    let help = variables(S::variables());
    Command::new(S::NAME)
        .about(S::ABOUT)
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .after_help(help.clone())
        .arg(Arg::new("help").short('h').long("help").help("Print help").action(ArgAction::Help).global(true))
        .disable_help_flag(true)
        .subcommand(Command::new("serve").about("Serve until SIGTERM or Ctrl-C, then drain").after_help(help.clone()))
        .subcommand(
            Command::new("migrate")
                .about("Bring the service's database to the newest schema and exit")
                .after_help(help),
        )
}

/// The variables as a table: the service's own first.
fn variables(own: &[Variable]) -> String {
    let shared = COMMON.iter().filter(|common| own.iter().all(|own| own.name != common.name));
    let all: Vec<_> = own.iter().chain(shared).collect();
    let width = all.iter().map(|variable| variable.name.len()).max().unwrap_or_default();
    let mut table = "Environment variables (one without a default must be set):".to_owned();
    for Variable { name, about, default } in all {
        table.push_str(&format!("\n  {name:width$}  {about}"));
        if let Some(default) = default {
            table.push_str(&format!(" [default: {default}]"));
        }
    }
    table
}

async fn serve<S: Service>(config: S::Config) -> anyhow::Result<()> {
    let shutdown = Shutdown::new();
    let mut signals = Signals::new().context("can't listen for signals")?;
    let service = async {
        let service = S::build(config).await.with_context(|| format!("{} can't start", S::NAME))?;
        tracing::info!("{} is up", S::NAME);
        service.run(shutdown.clone()).await?;
        tracing::info!("{} is down", S::NAME);
        Ok(())
    };
    tokio::select! {
        result = service => result,
        result = signals.end(&shutdown) => result,
    }
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Begins the shutdown at the first signal; returns, which ends the process, at the second or when the drain took too long.
    async fn end(&mut self, shutdown: &Shutdown) -> anyhow::Result<()> {
        self.next().await;
        tracing::info!("shutting down; another signal ends the process at once");
        shutdown.begin();
        // Whoever signals a process and its group, as `timeout` does, means one signal.
        let _ = timeout(SAME, async {
            loop {
                self.next().await;
            }
        })
        .await;
        tokio::select! {
            () = self.next() => anyhow::bail!("ended by a second signal"),
            () = sleep(LIMIT) => anyhow::bail!("the drain took longer than {} s", LIMIT.as_secs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;
    use crate::config;

    struct Dummy;

    impl Service for Dummy {
        const NAME: &'static str = "dummy";
        const ABOUT: &'static str = "Does nothing";
        type Config = ();

        fn variables() -> &'static [Variable] {
            &[
                Variable { name: "COLOUR", about: "of the cup", default: Some("blue") },
                Variable { name: "SHOP_JWKS", about: "told better", default: None },
            ]
        }

        fn config(_: &Lookup) -> Result<(), config::Error> {
            Ok(())
        }

        async fn build((): ()) -> anyhow::Result<Self> {
            Ok(Self)
        }

        async fn run(self, _: Shutdown) -> anyhow::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn help_lists_every_variable_once_with_its_default() {
        for line in [&["dummy", "--help"][..], &["dummy", "serve", "--help"], &["dummy", "migrate", "-h"]] {
            let help = command::<Dummy>().try_get_matches_from(line).expect_err("help");
            assert_eq!(help.kind(), ErrorKind::DisplayHelp, "{line:?}");
            let help = help.to_string();
            assert!(help.contains("COLOUR") && help.contains("of the cup [default: blue]"), "{help}");
            for variable in COMMON {
                assert_eq!(help.matches(&format!("  {} ", variable.name)).count(), 1, "{help}");
            }
            assert!(help.contains("told better"), "{help}");
        }
    }

    #[test]
    fn a_command_line_is_one_of_two_words() {
        for word in ["serve", "migrate"] {
            let matches = command::<Dummy>().try_get_matches_from(["dummy", word]).expect("a command");
            assert_eq!(matches.subcommand_name(), Some(word));
        }
        for line in [&["dummy"][..], &["dummy", "run"], &["dummy", "serve", "now"]] {
            let error = command::<Dummy>().try_get_matches_from(line).expect_err("usage");
            assert_eq!(error.exit_code(), 2, "{line:?}");
        }
    }
}
