//! `shopctl internal watch`: builds again what a change feeds and has the supervisor restart what came out anew. It is a
//! resource of the instance, so that its words are in the logs and it ends with the rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use anyhow::Context as _;
use shopctl_core::Manifest;
use shopctl_protocol::Action;
use shopctl_runtime::{Client, Instance, Workspace, plan::Plan, supervisor::PLAN};

use crate::{
    args::Global,
    build::{self, Depth, Metadata},
    exit::Exit,
    printer,
    progress::Meter,
    protogen, running,
    watching::{Affected, Changes, Sources, to_restart},
};

pub(crate) async fn run(global: &Global, release: bool) -> anyhow::Result<Exit> {
    let workspace = running::workspace(global)?;
    let instance = running::instance(global)?;
    let plan: Plan = instance.load(PLAN)?;
    let manifest = plan.parse()?;
    let metadata = Metadata::read(&workspace.root, Depth::Members)?;
    let sources = Sources::new(&workspace.root, &manifest, &metadata)?;
    let mut places = sources.places();
    places.insert(&workspace.manifest);
    let count = places.len();
    let mut changes = Changes::below(places).context("cannot watch the workspace")?;
    let watcher = Watcher { workspace, instance, plan, manifest, sources, release };
    printer::note(format_args!("watching {count} places"));
    while let Some(changed) = changes.next().await {
        watcher.take(&changed).await;
    }
    Ok(Exit::Success)
}

struct Watcher {
    workspace: Workspace,
    instance: Instance,
    plan: Plan,
    manifest: Manifest,
    sources: Sources,
    release: bool,
}

/// What tells one build's binary from another's.
type Stamp = Option<(SystemTime, u64)>;

impl Watcher {
    /// One burst of changes. Nothing that goes wrong here stops anything: what runs goes on as it was.
    async fn take(&self, changed: &BTreeSet<PathBuf>) {
        let begin = Instant::now();
        if changed.contains(&self.workspace.manifest) {
            printer::note("the manifest has changed: `shopctl down` and `shopctl up --watch` take it in");
        }
        let affected = self.sources.affected(changed);
        if affected == Affected::default() {
            return;
        }
        let only_rust = changed.iter().all(|path| path.extension().is_some_and(|extension| extension == "rs"));
        if changed.iter().any(|path| path.extension().is_some_and(|extension| extension == "proto"))
            && let Err(error) = self.generate()
        {
            return printer::note(format_args!("the contracts do not compile, all goes on as it was: {error}"));
        }
        let mut wanted = affected.resources;
        match self.build(affected.binaries).await {
            Ok(anew) => wanted.extend(to_restart(&self.manifest, &anew, only_rust)),
            Err(error) => return printer::note(format_args!("{error:#}; what runs goes on as it was")),
        }
        if let Err(error) = self.restart(wanted, begin).await {
            printer::note(format_args!("cannot restart: {error:#}"));
        }
    }

    fn generate(&self) -> Result<(), protogen::Error> {
        let files = protogen::generate(&self.workspace.root.join("proto"))?;
        files.iter().filter(|file| !file.is_current()).try_for_each(protogen::Generated::write)
    }

    /// Answers with the binaries that are another one now.
    async fn build(&self, binaries: Vec<String>) -> anyhow::Result<Vec<String>> {
        if binaries.is_empty() {
            return Ok(binaries);
        }
        printer::note(format_args!("building {}", binaries.join(", ")));
        let before: BTreeMap<String, Stamp> =
            binaries.iter().map(|name| (name.clone(), stamp(&self.plan.binary(name)))).collect();
        let (root, release, failpoints) = (self.workspace.root.clone(), self.release, self.plan.failpoints);
        let built = tokio::task::spawn_blocking(move || {
            let order = build::Order { workspace: &root, binaries: &binaries, release, failpoints };
            build::run(&order, &Meter::new("units")).map(|()| binaries)
        });
        let binaries = built.await??;
        Ok(binaries.into_iter().filter(|name| stamp(&self.plan.binary(name)) != before[name]).collect())
    }

    /// Of these, what runs here now: what was stopped, or runs elsewhere, stays as it is.
    async fn restart(&self, wanted: Vec<String>, begin: Instant) -> anyhow::Result<()> {
        let mut client = Client::connect(&self.instance).await?;
        let running = client.status().await?;
        let is_here = |name: &String| {
            running.resources.iter().any(|resource| {
                resource.name == *name
                    && !resource.external
                    && resource.state != "stopped"
                    && resource.state != "pending"
            })
        };
        let names: Vec<String> = wanted.into_iter().filter(is_here).collect();
        if names.is_empty() {
            printer::note("nothing that runs has changed");
            return Ok(());
        }
        let built = begin.elapsed();
        client.act(Action::Restart, &names).await?;
        printer::note(format_args!("built in {:.1} s, restarting {}", built.as_secs_f64(), names.join(", ")));
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let snapshot = client.status().await?;
            let mut late =
                snapshot.resources.iter().filter(|resource| names.contains(&resource.name) && !resource.ready);
            match late.next() {
                None => break,
                Some(resource) if resource.state == "failed" || Instant::now() > deadline => {
                    let why = resource.why.last().map_or("", |cause| cause.detail.as_str());
                    anyhow::bail!("{} is not ready: {why}", resource.name);
                }
                Some(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        let took = (begin.elapsed() - built).as_secs_f64();
        printer::note(format_args!("{} ready again {took:.2} s after the build", names.join(", ")));
        Ok(())
    }
}

fn stamp(binary: &Path) -> Stamp {
    let metadata = fs::metadata(binary).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
