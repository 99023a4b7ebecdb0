//! `shopctl checkout run`: scenarios from files.

use shopctl_scenario::{
    Report, Step,
    play::{self, Stage},
    report,
};

use super::{baskets, need, scenarios, shop, show};
use crate::{
    args::{Global, checkout::Run},
    commands::up::Interrupts,
    exit::{Exit, Failure},
    printer,
};

pub(super) async fn run(global: &Global, args: &Run, seed: u64) -> anyhow::Result<Exit> {
    // A file that is wrong is told before anything is made.
    let all = scenarios(global, &args.names)?;
    need::met(global, &all).await?;
    let mut interrupts = Interrupts::new()?;
    let stage = Stage::open(shop(global).await?, baskets(global)?).await;
    let stage = stage.map_err(unplayable)?;
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
        let report = tokio::select! {
            report = play::play(&stage, named, seed, &show) => report,
            () = interrupts.next() => {
                if named.scenario.breaks_anything() {
                    tokio::select! {
                        mended = stage.mend() => mended.map_err(unplayable)?,
                        () = interrupts.next() => {}
                    }
                }
                return Ok(Exit::Interrupted);
            }
        };
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

fn unplayable(failure: report::Failure) -> anyhow::Error {
    anyhow::anyhow!("expected {}, observed {}", failure.expected, failure.observed)
}
