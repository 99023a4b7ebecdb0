//! `shopctl migrate`: brings the services' databases up to date.

use std::{path::PathBuf, process::Stdio, time::Instant};

use anyhow::Context as _;
use shopctl_core::{
    Manifest,
    manifest::{Infra, Kind},
};
use shopctl_runtime::{plan::Plan, supervisor::PLAN};
use tokio::process::Command;

use crate::{
    args::{Global, Migrate},
    exit::{Exit, Failure},
    printer,
    progress::Meter,
    running,
};

/// What a service's binary is told when it shall migrate its database.
const SUBCOMMAND: &str = "migrate";

/// A task of the manifest that migrates.
#[derive(Debug, PartialEq, Eq)]
struct Migration {
    task: String,
    service: String,
    /// Name of the binary.
    binary: String,
}

pub(crate) async fn run(global: &Global, args: &Migrate) -> anyhow::Result<Exit> {
    let workspace = running::workspace(global)?;
    let chosen = choose(migrations(&workspace.load(Infra::Embedded)?), &args.services)?;
    let mut client = running::connect(global).await?;
    let plan: Plan = running::instance(global)?.load(PLAN)?;
    let mut done = Vec::new();
    let (meter, total) = (Meter::new("databases"), chosen.len() as u64);
    for migration in chosen {
        meter.set(done.len() as u64, Some(total), &migration.service);
        let began = Instant::now();
        let variables = client.environment(Some(&migration.task)).await?;
        let program: PathBuf = plan.binary(&migration.binary);
        let mut command = Command::new(&program);
        command.arg(SUBCOMMAND).current_dir(&workspace.root).stdin(Stdio::null()).kill_on_drop(true);
        command.envs(variables.iter().filter_map(|(name, value)| Some((name, value.as_str()?))));
        let output = command.output().await.with_context(|| format!("cannot run {}", program.display()))?;
        if !output.status.success() {
            meter.note(String::from_utf8_lossy(&output.stderr).trim_end());
            let what = format!("the migration of {} failed ({})", migration.service, output.status);
            return Err(Failure::new(Exit::Resource, what).into());
        }
        if !global.json && !global.quiet {
            meter.note(&format!("{} is up to date ({:.0} ms)", migration.service, began.elapsed().as_secs_f64() * 1e3));
        }
        done.push(migration.service);
    }
    drop(meter);
    if global.json {
        printer::data(serde_json::json!({ "migrated": done }));
    }
    Ok(Exit::Success)
}

fn migrations(manifest: &Manifest) -> Vec<Migration> {
    let tasks = manifest.resources.iter().filter(|(_, resource)| resource.kind == Kind::Task);
    let migration = tasks.filter_map(|(name, resource)| {
        let mut words = resource.command.iter().map(|word| word.literal());
        let binary = words.next()??.strip_prefix("@bin/")?;
        let service = resource.env_from.clone()?;
        (words.next()?? == SUBCOMMAND).then(|| Migration { task: name.clone(), service, binary: binary.to_owned() })
    });
    migration.collect()
}

fn choose(all: Vec<Migration>, wanted: &[String]) -> anyhow::Result<Vec<Migration>> {
    if let Some(unknown) = wanted.iter().find(|wanted| all.iter().all(|migration| migration.service != **wanted)) {
        let known: Vec<&str> = all.iter().map(|migration| migration.service.as_str()).collect();
        return Err(Failure::new(Exit::Usage, format!("{unknown} owns no database"))
            .hint(format!("these do: {}", known.join(", ")))
            .into());
    }
    Ok(all.into_iter().filter(|migration| wanted.is_empty() || wanted.contains(&migration.service)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Vec<Migration> {
        let text = include_str!("../../../../compose/services.toml");
        migrations(&Manifest::parse(text, Infra::Embedded).expect("the shop's manifest is right"))
    }

    #[test]
    fn every_service_with_a_database_has_a_migration() {
        let services: Vec<String> = shop().into_iter().map(|migration| migration.service).collect();
        assert_eq!(services, ["account", "order", "payment", "recommender"]);
    }

    #[test]
    fn only_what_was_asked_for_is_migrated_and_nonsense_is_refused() {
        let chosen = choose(shop(), &["order".to_owned()]).expect("order has a database");
        assert_eq!(
            chosen,
            [Migration { task: "order-migrate".into(), service: "order".into(), binary: "order".into() }]
        );
        let error = choose(shop(), &["product".to_owned()]).expect_err("product has none");
        assert!(error.to_string().contains("product"));
    }
}
