//! How long it takes until a shop is there, and until nothing is left of it.

use std::{process::Stdio, time::Duration};

use anyhow::Context as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    time::{Instant, timeout},
};

use crate::{
    bench::Bench,
    figure::{Measured, Promise, Unit},
    instance::Instance,
    processes,
};

const COLD: usize = 3;
const WARM: usize = 5;
/// Nothing here takes as long on any machine.
const PATIENCE: Duration = Duration::from_secs(120);
const GROUPS: [&str; 2] = ["payment", "recommender"];

pub(crate) async fn boot(bench: &Bench) -> anyhow::Result<Measured> {
    let instance = bench.instance("boot")?;
    // Builds what is not built yet, and makes the template of databases that a machine needs once.
    instance.succeeds(&["up", "--isolated", "--release", "--detach"]).await?;
    instance.succeeds(&["down"]).await?;
    let (mut cold, mut warm, mut stops) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..COLD {
        instance.succeeds(&["down", "--volumes"]).await?;
        let (ready, ended) = cycle(&instance).await?;
        cold.push(ready);
        stops.push(ended);
    }
    for _ in 0..WARM {
        let (ready, ended) = cycle(&instance).await?;
        warm.push(ready);
        stops.push(ended);
    }
    let mut measured = Measured::default();
    add(&mut measured, &mut warm, &mut stops);
    measured.add("cold up, seeded", median(&mut cold), Unit::Seconds, bar(5.0, 3.0));
    note(&mut measured, "cold", &cold);
    Ok(measured)
}

/// The same of an instance that runs, with what is in it. It is down afterwards.
pub(crate) async fn grown(instance: &Instance) -> anyhow::Result<Measured> {
    instance.succeeds(&["down"]).await?;
    let (mut warm, mut stops) = (Vec::new(), Vec::new());
    for _ in 0..WARM {
        let (ready, ended) = cycle(instance).await?;
        warm.push(ready);
        stops.push(ended);
    }
    let mut measured = Measured::default();
    add(&mut measured, &mut warm, &mut stops);
    Ok(measured)
}

fn add(measured: &mut Measured, warm: &mut [f64], stops: &mut [f64]) {
    measured.add("warm up, cargo's look and consumers included", median(warm), Unit::Seconds, bar(1.5, 0.8));
    measured.add("Ctrl-C to nothing left", median(stops), Unit::Seconds, bar(1.0, 0.5));
    note(measured, "warm", warm);
    note(measured, "stops", stops);
}

fn note(measured: &mut Measured, what: &str, times: &[f64]) {
    let times: Vec<String> = times.iter().map(|time| format!("{time:.2}")).collect();
    measured.notes.push(format!("{what}: {} s", times.join(", ")));
}

fn bar(bar: f64, aim: f64) -> Promise {
    Promise { bar, aim }
}

/// The upper one of an even number; sorts them.
fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// Boots in the foreground and ends it with Ctrl-C; answers with the seconds until it was ready, and from the signal to
/// its end.
async fn cycle(instance: &Instance) -> anyhow::Result<(f64, f64)> {
    let begun = Instant::now();
    let mut command = instance.shopctl(&["up", "--isolated", "--release", "--json", "--quiet"]);
    let mut up = command.stdout(Stdio::piped()).spawn().context("shopctl cannot be executed")?;
    let stdout = up.stdout.take().context("it was given a pipe")?;
    let line = timeout(PATIENCE, BufReader::new(stdout).lines().next_line()).await.context("up is never ready")??;
    let ready = begun.elapsed();
    let addresses: Value = serde_json::from_str(&line.context("up has failed")?)?;
    assigned(addresses["kafka"].as_str().context("kafka has no address")?)?;

    let begun = Instant::now();
    let pid = i32::try_from(up.id().context("up has ended by itself")?)?;
    kill(Pid::from_raw(pid), Signal::SIGINT)?;
    let status = timeout(PATIENCE, up.wait()).await.context("up never ends")??;
    let ended = begun.elapsed();
    anyhow::ensure!(status.success(), "up ended with {status}");
    let left = processes::of(instance);
    anyhow::ensure!(left.is_empty(), "still there after Ctrl-C: {left:?}");
    Ok((ready.as_secs_f64(), ended.as_secs_f64()))
}

/// Asks the broker, not those who say that they are ready.
fn assigned(kafka: &str) -> anyhow::Result<()> {
    let asker: BaseConsumer = ClientConfig::new().set("bootstrap.servers", kafka).create()?;
    let groups = asker.fetch_group_list(None, PATIENCE)?;
    for name in GROUPS {
        let group = groups.groups().iter().find(|group| group.name() == name);
        let group = group.with_context(|| format!("up was ready without a group {name}"))?;
        let all = group.members().iter().all(|member| member.assignment().is_some_and(|bytes| !bytes.is_empty()));
        let ready = group.state() == "Stable" && !group.members().is_empty() && all;
        anyhow::ensure!(ready, "up was ready while group {name} was {}", group.state());
    }
    Ok(())
}
