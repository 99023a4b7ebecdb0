//! `shopctl checkout run`: scenarios from files.

use shopctl_core::manifest::PROXY;
use shopctl_scenario::{
    Report, Step,
    file::Named,
    play::{self, Stage},
};

use super::{baskets, scenarios, shop, show};
use crate::{
    args::{Global, checkout::Run},
    exit::{Exit, Failure},
    printer, running,
};

pub(super) async fn run(global: &Global, args: &Run, seed: u64) -> anyhow::Result<Exit> {
    // A file that is wrong is told before anything is made.
    let all = scenarios(global, &args.names)?;
    proxied(global, &all).await?;
    let stage = Stage::open(shop(global).await?, baskets(global)?).await;
    let stage =
        stage.map_err(|failure| anyhow::anyhow!("expected {}, observed {}", failure.expected, failure.observed))?;
    let quiet = global.json || global.quiet;
    let mut reports: Vec<Report> = Vec::new();
    for named in &all {
        if !quiet && all.len() > 1 {
            printer::data(format_args!("{}", named.name));
        }
        let show = |step: &Step| {
            if !quiet {
                printer::data(show::line(step));
            }
        };
        let report = play::play(&stage, named, seed, &show).await;
        if !quiet {
            report.timelines.iter().for_each(|timeline| printer::data(show::timeline(timeline)));
            printer::data(show::summary(&report));
        }
        reports.push(report);
    }
    if global.json {
        printer::data(serde_json::to_string_pretty(&reports)?);
    }
    let failed: Vec<&str> = reports.iter().filter(|one| !one.held).map(|one| one.story.as_str()).collect();
    if failed.is_empty() {
        return Ok(Exit::Success);
    }
    let (name, again) = (&global.instance, failed.join(" "));
    Err(Failure::new(Exit::Scenario, format!("failed: {}", failed.join(", ")))
        .hint(format!("`shopctl checkout run {again} --instance {name} --seed {seed}` plays the same again"))
        .into())
}

/// Refuses stories that break edges where nothing stands on them.
async fn proxied(global: &Global, all: &[Named]) -> anyhow::Result<()> {
    let Some(named) = all.iter().find(|named| named.scenario.breaks_edges()) else { return Ok(()) };
    let snapshot = running::connect(global).await?.status().await?;
    if snapshot.resources.iter().any(|resource| resource.name == PROXY) {
        return Ok(());
    }
    let message =
        format!("{} breaks edges or topics, and instance {} was booted without --faults", named.name, global.instance);
    Err(Failure::new(Exit::Failure, message).hint("`shopctl down` and `shopctl up --faults`: the data stay").into())
}
