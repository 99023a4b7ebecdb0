//! From what was typed to what the supervisor is to do.

use std::path::PathBuf;

use anyhow::Context as _;
use shopctl_core::{Graph, Manifest};
use shopctl_runtime::{
    Workspace,
    plan::{Plan, Variable},
    proc::Identity,
};

use super::infra::Chosen;
use crate::{
    args::{Assignment, Up},
    exit::{Exit, Failure},
    printer,
};

pub(super) fn plan(workspace: &Workspace, manifest: &Manifest, chosen: Chosen, args: &Up) -> anyhow::Result<Plan> {
    let environment = args.environment.iter().map(|one| variable(manifest, one)).collect::<Result<Vec<_>, _>>()?;
    if environment.iter().any(|variable| variable.key == "SHOP_AUTH" && variable.value == "open") {
        printer::note(
            "SHOP_AUTH=open: whoever reaches these ports may act as any account; only for trying old clients",
        );
    }
    let plan = Plan {
        run: format!("{:032x}", rand::random::<u128>()),
        client: Identity::of(std::process::id()),
        workspace: workspace.root.clone(),
        manifest: workspace.read()?,
        infra: chosen.infra,
        compose: chosen.compose,
        keep_infra: args.keep_infra,
        shopctl: std::env::current_exe().context("cannot tell where shopctl itself is")?,
        bin_dir: bin_dir(workspace, args)?,
        resources: args.resources.clone(),
        skip_build: args.no_build || args.bin_dir.is_some(),
        release: args.release,
        external: args.external.clone(),
        watch: args.watch,
        faults: args.faults,
        timeout: args.timeout,
        environment,
    };
    // A wrong name is told before anything is made.
    Graph::new(manifest, &plan.options())?;
    Ok(plan)
}

fn variable(manifest: &Manifest, assignment: &Assignment) -> Result<Variable, Failure> {
    if let Some(service) = assignment.service.as_ref().filter(|name| !manifest.resources.contains_key(*name)) {
        let message = format!("--env {service}.{}: there is no resource {service}", assignment.key);
        return Err(Failure::new(Exit::Usage, message).hint("--env takes KEY=VALUE, or SERVICE.KEY=VALUE"));
    }
    Ok(Variable { service: assignment.service.clone(), key: assignment.key.clone(), value: assignment.value.clone() })
}

fn bin_dir(workspace: &Workspace, args: &Up) -> anyhow::Result<PathBuf> {
    if let Some(dir) = &args.bin_dir {
        return dir.canonicalize().with_context(|| format!("cannot use --bin-dir {}", dir.display()));
    }
    // As cargo decides it; a relative one is relative to where cargo runs, which is the workspace.
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    Ok(workspace.root.join(target).join(if args.release { "release" } else { "debug" }))
}
