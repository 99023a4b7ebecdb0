//! `shopctl ps`: this user's instances.

use serde_json::json;
use shopctl_runtime::Instance;

use crate::{args::Global, exit::Exit, printer};

pub(crate) async fn run(global: &Global) -> anyhow::Result<Exit> {
    let mut rows = Vec::new();
    for instance in Instance::all()? {
        // An instance of another version is listed all the same: `down --volumes` is the way out.
        let workspace = instance.record().ok().flatten().map(|record| record.workspace.display().to_string());
        let pid = match instance.running() {
            Ok(Some(running)) if instance.is_locked() => Some(running.supervisor.pid),
            Ok(_) | Err(_) => None,
        };
        rows.push((instance, workspace.unwrap_or_default(), pid));
    }
    if global.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(instance, workspace, pid)| {
                json!({
                    "instance": instance.name, "running": pid.is_some(), "pid": pid, "workspace": workspace,
                    "state": instance.state_dir(),
                })
            })
            .collect();
        printer::data(json!(rows));
        return Ok(Exit::Success);
    }
    let mut table = printer::Table::new(["INSTANCE", "STATE", "PID", "WORKSPACE"]);
    for (instance, workspace, pid) in rows {
        let state = if pid.is_some() { "running" } else { "stopped" };
        table.row([instance.name, state.to_owned(), pid.map_or_else(String::new, |pid| pid.to_string()), workspace]);
    }
    printer::data(table);
    Ok(Exit::Success)
}
