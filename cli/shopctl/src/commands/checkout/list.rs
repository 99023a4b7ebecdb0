//! `shopctl checkout list`: the scenarios that there are.

use serde_json::json;

use super::{need::needs, scenarios};
use crate::{args::Global, exit::Exit, printer};

pub(super) fn run(global: &Global) -> anyhow::Result<Exit> {
    let all = scenarios(global, &[])?;
    if global.json {
        let all: Vec<_> = all
            .iter()
            .map(|one| {
                let needs: Vec<&str> = needs(&one.scenario).map(|need| need.option).collect();
                let description = one.scenario.description.trim();
                json!({ "name": one.name, "file": one.path, "description": description, "needs": needs })
            })
            .collect();
        printer::data(serde_json::to_string_pretty(&all)?);
        return Ok(Exit::Success);
    }
    let mut table = printer::Table::new(["NAME", "NEEDS", "WHAT IT SHOWS"]);
    for one in all {
        let first = one.scenario.description.lines().next().unwrap_or_default().to_owned();
        let needs: Vec<&str> = needs(&one.scenario).map(|need| need.option).collect();
        table.row([one.name, needs.join(" "), first]);
    }
    printer::data(table);
    Ok(Exit::Success)
}
