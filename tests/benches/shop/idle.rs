//! What a shop costs that nobody uses.

use std::{collections::BTreeMap, time::Duration};

use nix::unistd::{SysconfVar, sysconf};
use tokio::time::sleep;

use crate::{
    bench::Bench,
    figure::{Measured, Promise, Unit, real},
    instance::Instance,
    processes::{self, Process},
};

/// After the last request.
const REST: Duration = Duration::from_secs(5);
const TIME: Duration = Duration::from_secs(20);
/// Processes that are worth a word, in MiB.
const MUCH: f64 = 8.0;

/// Everything, shopctl's own processes included, once a checkout has gone through all of it.
pub(crate) async fn idle(bench: &Bench) -> anyhow::Result<Measured> {
    let instance = bench.instance("idle")?;
    rested(&instance).await
}

/// The same of an instance that has run before, with what is in it.
pub(crate) async fn grown(instance: &Instance) -> anyhow::Result<Measured> {
    // What it took for all that was asked of it is not what it needs.
    instance.succeeds(&["down"]).await?;
    rested(instance).await
}

async fn rested(instance: &Instance) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    if !cfg!(target_os = "linux") {
        measured.notes.push("memory and CPU by process are only told by Linux".to_owned());
        return Ok(measured);
    }
    instance.succeeds(&["up", "--isolated", "--release", "--detach"]).await?;
    instance.succeeds(&["checkout"]).await?;
    sleep(REST).await;
    let begun = processes::of(instance);
    sleep(TIME).await;
    let ended = processes::of(instance);

    let mut memory: BTreeMap<&str, f64> = BTreeMap::new();
    for process in &ended {
        *memory.entry(&process.resource).or_default() += real(process.pss_kib) / 1024.0;
    }
    let before: BTreeMap<u32, u64> = begun.iter().map(|process| (process.pid, process.cpu_ticks)).collect();
    let used = |process: &Process| process.cpu_ticks - before.get(&process.pid).copied().unwrap_or_default();
    let tick = sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100);
    let cpu = real(ended.iter().map(used).sum()) / tick as f64 / TIME.as_secs_f64();
    let promise = |bar, aim| Promise { bar, aim };
    measured.add("whole stack idle, PSS", memory.values().sum(), Unit::Mebibytes, promise(350.0, 280.0));
    measured.add("whole stack idle, CPU of a core", cpu * 100.0, Unit::Percent, promise(2.0, 1.0));

    let backends = ended.iter().filter(|process| process.is_backend).count();
    measured.notes.push(format!("{} processes, {backends} of them connections of the services' pools", ended.len()));
    let mut much: Vec<_> = memory.iter().filter(|(_, mib)| **mib >= MUCH).collect();
    much.sort_by(|a, b| b.1.total_cmp(a.1));
    let much: Vec<String> = much.into_iter().map(|(name, mib)| format!("{name} {mib:.0} MiB")).collect();
    measured.notes.push(much.join(", "));
    Ok(measured)
}
