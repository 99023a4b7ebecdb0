//! `shopctl internal`: what shopctl runs itself.

use crate::{
    args::{Global, Internal, Profile},
    commands::{build, container, images, postgres, proxy, telemetry, topics, watch},
    exit::Exit,
};

pub(crate) async fn run(global: &Global, command: &Internal) -> anyhow::Result<Exit> {
    match command {
        Internal::Reaper { state } => {
            shopctl_runtime::reaper::run(state)?;
            Ok(Exit::Success)
        }
        Internal::Supervisor { state } => {
            // Its stderr is the file supervisor.log.
            log_to_stderr();
            shopctl_runtime::supervisor::run(state).await?;
            Ok(Exit::Success)
        }
        Internal::Build { profile } => build::run(global, *profile == Profile::Release).await,
        Internal::Watch { profile } => watch::run(global, *profile == Profile::Release).await,
        Internal::PostgresInstall => postgres::install(global).await,
        Internal::Postgres { name } => postgres::run(global, name).await,
        Internal::Images => images::run(global).await,
        Internal::Container { name } => container::run(global, name).await,
        Internal::StopContainers { state } => container::stop_all(state).await,
        Internal::Topics => topics::run(global).await,
        Internal::Telemetry(args) => {
            log_to_stderr();
            telemetry::run(args).await
        }
        Internal::Proxy => proxy::run(global).await,
    }
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SHOPCTL_LOG");
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "info".into()))
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
}
