//! `shopctl internal build`: builds the binaries as a task of the graph.

use shopctl_core::manifest::Infra;

use crate::{
    args::Global,
    build,
    exit::{Exit, Failure},
    progress::Meter,
    running,
};

pub(crate) async fn run(global: &Global, release: bool) -> anyhow::Result<Exit> {
    let workspace = running::workspace(global)?;
    let binaries = workspace.load(Infra::Embedded)?.binaries();
    // As a task of an instance's boot; by hand it builds what everybody runs.
    let failpoints = running::plan(&running::instance(global)?).is_ok_and(|(plan, _)| plan.failpoints);
    tokio::task::spawn_blocking(move || {
        let order = build::Order { workspace: &workspace.root, binaries: &binaries, release, failpoints };
        match build::run(&order, &Meter::new("units")) {
            Ok(()) => Ok(Exit::Success),
            Err(error @ build::Error::Failed(_)) => Err(Failure::new(Exit::Resource, error.to_string())
                .hint("mend what the compiler says above, then run it again")
                .into()),
            Err(error @ build::Error::Cargo(_)) => Err(Failure::new(Exit::Resource, error.to_string())
                .hint("install Rust from https://rustup.rs; `shopctl doctor` looks for what else is missing")
                .into()),
            Err(error @ (build::Error::Metadata(_) | build::Error::UnknownBinary(_))) => {
                Err(Failure::new(Exit::Resource, error.to_string()).into())
            }
        }
    })
    .await?
}
