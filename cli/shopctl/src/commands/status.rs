//! `shopctl status`: what runs and what does not.

mod rates;
mod watch;

use std::time::Duration;

use shopctl_protocol::{Resource, Snapshot};

use crate::{
    args::{Global, Status},
    exit::Exit,
    lines::harmless,
    printer, running,
};
use rates::Rates;

/// More ports than these are counted.
const SHOWN: usize = 4;

pub(crate) async fn run(global: &Global, args: &Status) -> anyhow::Result<Exit> {
    let mut client = running::connect(global).await?;
    if args.watch {
        return watch::run(global, client).await;
    }
    let snapshot = client.status().await?;
    let rates = Rates::of(global);
    if global.json {
        printer::data(rates.json(&snapshot)?);
    } else {
        printer::note(head(&snapshot));
        printer::data(table(&snapshot, &rates));
    }
    Ok(health(&snapshot))
}

fn health(snapshot: &Snapshot) -> Exit {
    // `unready`: it was ready, and its probe fails now.
    let unhealthy = |resource: &Resource| matches!(resource.state.as_str(), "failed" | "backing-off" | "unready");
    if snapshot.resources.iter().any(unhealthy) { Exit::Resource } else { Exit::Success }
}

fn head(snapshot: &Snapshot) -> String {
    let uptime = Duration::try_from_secs_f64(snapshot.supervisor.uptime).unwrap_or_default();
    format!(
        "instance {} of {}, supervisor pid {}, up for {}",
        snapshot.instance,
        snapshot.workspace,
        snapshot.supervisor.pid,
        printer::rough(uptime)
    )
}

fn table(snapshot: &Snapshot, rates: &Rates) -> printer::Table<8> {
    // EXITS: in a row, and nobody asked for them.
    let lately = if rates.is_empty() { "" } else { "LAST MINUTE" };
    let mut table = printer::Table::new(["RESOURCE", "STATE", "TOOK", "EXITS", "PID", "PORTS", lately, "WHY"]);
    for resource in &snapshot.resources {
        let ports: Vec<String> = resource.ports.values().map(u16::to_string).collect();
        table.row([
            resource.name.clone(),
            match (resource.external, resource.faults.join(", ")) {
                (true, _) => format!("{} (external)", resource.state),
                (false, faults) if faults.is_empty() => resource.state.clone(),
                (false, faults) => format!("{} ({faults})", resource.state),
            },
            resource.took.map_or_else(String::new, |took| format!("{took:.1} s")),
            if resource.failures > 0 { resource.failures.to_string() } else { String::new() },
            resource.pid.map_or_else(String::new, |pid| pid.to_string()),
            if ports.len() > SHOWN { format!("{} ports", ports.len()) } else { ports.join(",") },
            rates.cell(&resource.name),
            why(resource),
        ]);
    }
    table
}

fn why(resource: &Resource) -> String {
    let why = resource.why.first().map(|cause| &cause.detail).or(resource.log_error.as_ref());
    why.map_or_else(String::new, |why| harmless(why).into_owned())
}
