//! From what was typed to what the supervisor is to do.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use shopctl_core::{Graph, Manifest, failpoint};
use shopctl_runtime::{
    Workspace,
    plan::{Plan, Variable},
    proc::Identity,
};

use super::infra::Chosen;
use crate::{
    args::{
        Up,
        boot::{Assignment, Boot},
    },
    commands::telemetry,
    exit::{Exit, Failure},
    printer,
};

pub(super) fn plan(workspace: &Workspace, manifest: &Manifest, chosen: Chosen, args: &Up) -> anyhow::Result<Plan> {
    let given = args.boot.environment.iter().map(|one| variable(manifest, one));
    let environment = given.chain(forward(manifest, &args.boot)).collect::<Result<Vec<_>, _>>()?;
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
        telemetry: !args.boot.no_telemetry,
        compose: chosen.compose,
        keep_infra: args.keep_infra,
        shopctl: std::env::current_exe().context("cannot tell where shopctl itself is")?,
        bin_dir: bin_dir(workspace, &args.boot)?,
        resources: args.resources.clone(),
        skip_build: args.boot.no_build || args.boot.bin_dir.is_some(),
        release: args.boot.release,
        external: args.external.clone(),
        watch: args.watch,
        failpoints: args.failpoints,
        faults: args.faults,
        timeout: args.boot.timeout,
        environment,
    };
    if plan.failpoints && plan.skip_build && !manifest.binaries().iter().any(|name| is_armed(&plan.binary(name))) {
        let message = format!("--failpoints: no binary in {} has any", plan.bin_dir.display());
        return Err(Failure::new(Exit::Usage, message).hint("without --no-build and --bin-dir they are built").into());
    }
    // A wrong name is told before anything is made.
    Graph::new(manifest, &plan.options())?;
    Ok(plan)
}

fn is_armed(binary: &Path) -> bool {
    binary.to_string_lossy().ends_with(failpoint::SUFFIX)
}

fn variable(manifest: &Manifest, assignment: &Assignment) -> Result<Variable, Failure> {
    if let Some(service) = assignment.service.as_ref().filter(|name| !manifest.resources.contains_key(*name)) {
        let message = format!("--env {service}.{}: there is no resource {service}", assignment.key);
        return Err(Failure::new(Exit::Usage, message).hint("--env takes KEY=VALUE, or SERVICE.KEY=VALUE"));
    }
    Ok(Variable { service: assignment.service.clone(), key: assignment.key.clone(), value: assignment.value.clone() })
}

/// What tells the receiver of telemetry where to pass it on to.
fn forward(manifest: &Manifest, args: &Boot) -> Option<Result<Variable, Failure>> {
    let target = args.otlp_forward.as_ref()?;
    if !manifest.resources.contains_key(telemetry::RESOURCE) {
        let message = format!("--otlp-forward: the manifest has no resource {}", telemetry::RESOURCE);
        return Some(Err(Failure::new(Exit::Usage, message)));
    }
    let (service, key) = (Some(telemetry::RESOURCE.to_owned()), telemetry::FORWARD.to_owned());
    Some(Ok(Variable { service, key, value: target.to_string() }))
}

fn bin_dir(workspace: &Workspace, args: &Boot) -> anyhow::Result<PathBuf> {
    if let Some(dir) = &args.bin_dir {
        return dir.canonicalize().with_context(|| format!("cannot use --bin-dir {}", dir.display()));
    }
    // As cargo decides it; a relative one is relative to where cargo runs, which is the workspace.
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    Ok(workspace.root.join(target).join(if args.release { "release" } else { "debug" }))
}
