//! `shopctl graph`: who speaks with whom, as declared by the manifest and as observed.

mod declared;
mod observed;

use shopctl_core::manifest::{Infra, Variant};
use shopctl_runtime::Instance;
use shopctl_trace::{graph::Graph, text};

use self::observed::Observed;
use super::trace::{paint, style};
use crate::{
    args::{
        Global,
        graph::{Format, Graph as Args},
    },
    exit::Exit,
    printer, running,
};

pub(crate) async fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let instance = running::instance(global)?;
    let manifest = match running::plan(&instance) {
        Ok((_, manifest)) => manifest,
        // It was never booted: what stands in the workspace is what it would run.
        Err(_) => running::workspace(global)?.load(Variant { infra: infra(&instance), telemetry: true })?,
    };
    let (nodes, declared) = (declared::nodes(&manifest), declared::edges(&manifest));
    let observed =
        if args.observed { observed::read(&instance, &manifest, &declared).await? } else { Observed::default() };
    let Observed { found, is_all, missing } = observed;
    let graph = Graph::new(&nodes, &declared, (found, is_all), missing);
    match args.format {
        _ if global.json => printer::data(serde_json::to_string_pretty(&graph)?),
        Format::Json => printer::data(serde_json::to_string_pretty(&graph)?),
        Format::Mermaid => printer::data(graph.mermaid().trim_end()),
        Format::Dot => printer::data(graph.dot().trim_end()),
        Format::Text => {
            text::graph(&graph, style(global, args.ascii)).iter().for_each(|line| printer::data(paint(line)));
        }
    }
    if !matches!(args.format, Format::Text | Format::Json) && !global.json {
        graph.missing.iter().for_each(|missing| printer::note(format_args!("no {}: {}", missing.what, missing.why)));
    }
    Ok(Exit::Success)
}

fn infra(instance: &Instance) -> Infra {
    instance.record().ok().flatten().map_or(Infra::Embedded, |record| record.infra)
}
