//! `shopctl ps`: this user's instances.

use serde_json::json;
use shopctl_protocol::Phase;
use shopctl_runtime::{
    Client, Instance, client,
    instance::{Holder, Record},
    ports::Base,
};

use crate::{args::Global, exit::Exit, printer};

pub(crate) async fn run(global: &Global) -> anyhow::Result<Exit> {
    let mut rows = Vec::new();
    for instance in Instance::all()? {
        rows.push(Row::of(instance).await);
    }
    if global.json {
        printer::data(json!(rows.iter().map(Row::json).collect::<Vec<_>>()));
        return Ok(Exit::Success);
    }
    let mut table = printer::Table::new(["INSTANCE", "STATE", "PID", "UP FOR", "PORTS", "WORKSPACE"]);
    for row in rows {
        table.row(row.cells());
    }
    printer::data(table);
    Ok(Exit::Success)
}

struct Row {
    instance: Instance,
    state: &'static str,
    /// None if it is stopped.
    holder: Option<Holder>,
    /// An instance of another version is listed all the same: `down --volumes` is the way out.
    record: Option<Record>,
}

impl Row {
    async fn of(instance: Instance) -> Self {
        let record = instance.record().ok().flatten();
        let holder = if instance.is_locked() { instance.holder() } else { None };
        let state = match (Client::connect(&instance).await, instance.is_locked()) {
            (_, false) => "stopped",
            (Ok(mut client), true) => match client.status().await.map(|snapshot| snapshot.phase) {
                Ok(Phase::Booting) => "booting",
                Ok(Phase::Stopping | Phase::Down) => "stopping",
                Ok(Phase::Up) | Err(_) => "running",
            },
            // Locked without a supervisor: one is about to come, or its reaper still ends the rest.
            (Err(client::Error::NotRunning(_)), true) => match &holder {
                Some(holder) if holder.running.reaper.is_alive() => "stopping",
                Some(_) | None => "booting",
            },
            (Err(_), true) => "running",
        };
        Self { instance, state, holder, record }
    }

    fn workspace_gone(&self) -> bool {
        self.record.as_ref().is_some_and(|record| !record.workspace.exists())
    }

    fn cells(self) -> [String; 6] {
        let gone = if self.workspace_gone() { " (gone)" } else { "" };
        let uptime = self.holder.as_ref().and_then(Holder::uptime);
        let ports = self.record.as_ref().map(|record| match record.ports.base() {
            Base::Offset(0) => "default".to_owned(),
            Base::Offset(offset) => format!("+{offset}"),
            Base::Block(start) => format!("{start}-"),
        });
        [
            self.instance.name,
            self.state.to_owned(),
            self.holder.map_or_else(String::new, |holder| holder.running.supervisor.pid.to_string()),
            uptime.map_or_else(String::new, printer::rough),
            ports.unwrap_or_default(),
            self.record.map_or_else(String::new, |record| format!("{}{gone}", record.workspace.display())),
        ]
    }

    fn json(&self) -> serde_json::Value {
        let since = self.holder.as_ref().and_then(|holder| holder.since);
        json!({
            "instance": self.instance.name,
            "state": self.state,
            "running": self.holder.is_some(),
            "pid": self.holder.as_ref().map(|holder| holder.running.supervisor.pid),
            "since": since.map(|since| humantime::format_rfc3339_seconds(since).to_string()),
            "ports": self.record.as_ref().map(|record| record.ports.base()),
            "workspace": self.record.as_ref().map(|record| &record.workspace),
            "workspace_gone": self.workspace_gone(),
            "state_dir": self.instance.state_dir(),
        })
    }
}
