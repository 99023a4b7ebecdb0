//! `shopctl internal postgres`: becomes the server of one database.

use std::path::PathBuf;

use anyhow::Context as _;
use shopctl_embedded::postgres::{self, Durability, Error, Progress, Settings, Spec};

use crate::{
    args::Global,
    exit::{Exit, Failure},
    printer,
    progress::Meter,
};

/// Prepares the cluster of the database `name`, then becomes its server. The manifest says where, by variables.
pub(crate) async fn run(_global: &Global, name: &str) -> anyhow::Result<Exit> {
    let spec = Spec {
        database: name.to_owned(),
        data: PathBuf::from(variable("PGDATA")?),
        port: variable("PGPORT")?.parse().context("PGPORT is no port")?,
        password: variable("PGPASSWORD")?,
        durability: Durability::PowerCut,
    };
    let settings = Settings::from_env().map_err(with_hint)?;
    match postgres::exec(&spec, &settings).map_err(with_hint)? {}
}

/// Finds or downloads the server, and makes the template that clusters are copied from.
pub(crate) async fn install(global: &Global) -> anyhow::Result<Exit> {
    let settings = Settings::from_env().map_err(with_hint)?;
    let binaries = tokio::task::spawn_blocking(move || {
        let meter = Meter::new("KiB");
        postgres::install(&settings, &|progress| match progress {
            Progress::Downloading { done, total } => {
                meter.set(done / 1024, total.map(|total| total / 1024), "PostgreSQL");
            }
            Progress::Unpacking => meter.note("unpacking PostgreSQL"),
            Progress::Initialising => meter.note("making the template of all databases"),
        })
    });
    let binaries = binaries.await?.map_err(with_hint)?;
    if !global.quiet {
        printer::note(format_args!("PostgreSQL {} in {}", binaries.version, binaries.dir.display()));
    }
    Ok(Exit::Success)
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}

fn with_hint(error: Error) -> anyhow::Error {
    let failure = Failure::new(Exit::Resource, error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint).into(),
        None => failure.into(),
    }
}
