//! `shopctl checkout list`: the scenarios that there are.

use serde_json::json;

use super::scenarios;
use crate::{args::Global, exit::Exit, printer};

pub(super) fn run(global: &Global) -> anyhow::Result<Exit> {
    let all = scenarios(global, &[])?;
    if global.json {
        let all: Vec<_> = all
            .iter()
            .map(|one| json!({ "name": one.name, "file": one.path, "description": one.scenario.description.trim() }))
            .collect();
        printer::data(serde_json::to_string_pretty(&all)?);
        return Ok(Exit::Success);
    }
    let mut table = printer::Table::new(["NAME", "WHAT IT SHOWS"]);
    for one in all {
        let first = one.scenario.description.lines().next().unwrap_or_default().to_owned();
        table.row([one.name, first]);
    }
    printer::data(table);
    Ok(Exit::Success)
}
