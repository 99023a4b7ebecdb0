//! `shopctl status`: what runs and what does not.

use shopctl_protocol::{Resource, Snapshot};

use crate::{
    args::{Global, Status},
    exit::Exit,
    lines::harmless,
    printer, running,
};

pub(crate) async fn run(global: &Global, _args: &Status) -> anyhow::Result<Exit> {
    let snapshot = running::connect(global).await?.status().await?;
    if global.json {
        printer::data(serde_json::to_string(&snapshot)?);
    } else {
        print(&snapshot);
    }
    let unhealthy = |resource: &Resource| matches!(resource.state.as_str(), "failed" | "unready" | "backing-off");
    Ok(if snapshot.resources.iter().any(unhealthy) { Exit::Resource } else { Exit::Success })
}

fn print(snapshot: &Snapshot) {
    printer::note(format_args!(
        "instance {} of {}, supervisor pid {}",
        snapshot.instance, snapshot.workspace, snapshot.supervisor.pid
    ));
    let mut table = printer::Table::new(["RESOURCE", "STATE", "TOOK", "PID", "PORTS", "WHY"]);
    for resource in &snapshot.resources {
        let ports: Vec<String> = resource.ports.values().map(u16::to_string).collect();
        table.row([
            resource.name.clone(),
            if resource.external { format!("{} (external)", resource.state) } else { resource.state.clone() },
            resource.took.map_or_else(String::new, |took| format!("{took:.1} s")),
            resource.pid.map_or_else(String::new, |pid| pid.to_string()),
            ports.join(","),
            resource.why.first().map_or_else(String::new, |cause| harmless(&cause.detail).into_owned()),
        ]);
    }
    printer::data(table);
}
