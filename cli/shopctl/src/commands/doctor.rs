//! `shopctl doctor`: what is wrong with this machine.

use owo_colors::OwoColorize as _;

use crate::{
    args::Global,
    exit::{Exit, Failure},
    health::{self, Finding, Verdict},
    printer, running,
};

pub(crate) async fn run(global: &Global) -> anyhow::Result<Exit> {
    let workspace = running::workspace(global)?;
    let instance = running::instance(global)?;
    let mut findings = tokio::task::spawn_blocking(move || health::examine(&workspace, &instance)).await?;
    findings.push(health::docker().await);
    if global.json {
        printer::data(serde_json::to_string_pretty(&serde_json::json!({ "findings": findings }))?);
    } else {
        for finding in findings.iter().filter(|finding| !global.quiet || finding.verdict != Verdict::Good) {
            printer::data(line(finding));
        }
    }
    match findings.iter().filter(|finding| finding.verdict == Verdict::Problem).count() {
        0 => Ok(Exit::Success),
        1 => Err(Failure::new(Exit::Failure, "1 problem stands in the way of the shop").into()),
        several => Err(Failure::new(Exit::Failure, format!("{several} problems stand in the way of the shop")).into()),
    }
}

fn line(finding: &Finding) -> String {
    let mark = match finding.verdict {
        Verdict::Good => "✓".green().to_string(),
        Verdict::Note => "!".yellow().to_string(),
        Verdict::Problem => "✗".red().to_string(),
    };
    let line = format!("{mark} {:<18} {}", finding.check, finding.found);
    match &finding.remedy {
        Some(remedy) => format!("{line}\n  {:<18} {} {remedy}", "", "->".cyan()),
        None => line,
    }
}
