//! `shopctl checkout crash`: checkouts while the services die at the worst moments, and the proof that nothing came of it.

use std::{collections::BTreeMap, fs};

use anyhow::Context as _;
use owo_colors::OwoColorize as _;
use shopctl_scenario::{
    basket::ORDERS,
    crash::{self, Live, Plan, Report, Round, Target},
    invariants::Addresses,
};
use tokio::sync::watch;

use super::{checkout, up::Interrupts, verify};
use crate::{
    args::{Global, crash::Crash},
    client,
    exit::{Exit, Failure},
    lines::harmless,
    printer::{self, Table},
    progress::Meter,
    running,
};

pub(crate) async fn run(global: &Global, args: &Crash, seed: u64) -> anyhow::Result<Exit> {
    let mut interrupts = Interrupts::new()?;
    let targets = crash::select(&args.points).map_err(|unknown| {
        let hint = "`--points` takes services, points of their code, `kill`, or both as order.create-before-commit";
        Failure::new(Exit::Usage, unknown.to_string()).hint(hint)
    })?;
    let shop = checkout::shop(global).await?;
    let addresses = serde_json::to_value(client::addresses(global).await?)?;
    let addresses: Addresses =
        serde_json::from_value(addresses).context("the instance lacks an address that a check needs")?;
    let plan = Plan {
        rounds: args.rounds.unwrap_or_else(|| u32::try_from(targets.len()).unwrap_or(u32::MAX)),
        seed,
        in_flight: args.in_flight.into(),
        checkouts: args.checkouts.into(),
        targets,
        orders: running::workspace(global)?.root.join("fixtures").join(ORDERS),
    };
    let meter = Meter::new("rounds");
    let (stop, stopped) = watch::channel(false);
    let mut show = |live: &Live| {
        let Live { round, target, begun, strikes } = live;
        let told = format!("{target}: {begun} checkouts, struck {strikes} times");
        meter.set(u64::from(round - 1), Some(plan.rounds.into()), &told);
    };
    let report = {
        let play = crash::run(&shop, &addresses, &plan, &stopped, &mut show);
        tokio::pin!(play);
        loop {
            tokio::select! {
                report = &mut play => break report?,
                () = interrupts.next() => {
                    if stop.send_replace(true) {
                        return Ok(Exit::Interrupted);
                    }
                    meter.note("ending what is under way, to look at what came of it; Ctrl-C again leaves that out");
                }
            }
        }
    };
    drop(meter);
    for wanted in &args.reports {
        let path = &wanted.path;
        fs::write(path, serde_json::to_string_pretty(&report)?)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if global.json {
        printer::data(serde_json::to_string_pretty(&report)?);
    } else if !global.quiet {
        printer::data(shown(&report, &global.instance));
    }
    match failure(&report, &global.instance) {
        Some(failure) => Err(failure.into()),
        None if report.interrupted => Ok(Exit::Interrupted),
        None => Ok(Exit::Success),
    }
}

/// What is lost or doubled before what is late.
fn failure(report: &Report, instance: &str) -> Option<Failure> {
    let first = report.findings.iter().find(|finding| finding.violation).or(report.findings.first())?;
    let exit = if first.violation { Exit::Invariant } else { Exit::Scenario };
    let message = match report.rounds.last() {
        Some(round) => format!("{} (struck at {}, seed {})", harmless(&first.what), round.target, round.seed),
        None => harmless(&first.what).into_owned(),
    };
    let again = report.rounds.last().map(|round| again(report, round, instance));
    Some(Failure::new(exit, message).hint(format!("`{}` plays the same round again", again.unwrap_or_default())))
}

/// The command that plays one round again.
fn again(report: &Report, round: &Round, instance: &str) -> String {
    let Report { in_flight, checkouts, .. } = report;
    let Round { seed, target, .. } = round;
    let instance = if instance == "default" { String::new() } else { format!(" --instance {instance}") };
    format!(
        "shopctl checkout crash --seed {seed} --rounds 1 --points {target} --checkouts {checkouts} --in-flight {in_flight}{instance}"
    )
}

/// The result for people.
fn shown(report: &Report, instance: &str) -> String {
    let mut table = Table::new(["TARGET", "STRIKES", "CHECKOUTS", "TRIED AGAIN", "RECOVERY", "SLOWEST"]);
    let mut of_target: BTreeMap<Target, Vec<&Round>> = BTreeMap::new();
    report.rounds.iter().for_each(|round| of_target.entry(round.target).or_default().push(round));
    for (target, rounds) in of_target {
        let mut recoveries: Vec<f64> = rounds.iter().flat_map(|round| round.recoveries.iter().copied()).collect();
        recoveries.sort_by(f64::total_cmp);
        let sum = |of: fn(&Round) -> u64| rounds.iter().map(|round| of(round)).sum::<u64>().to_string();
        let time = |time: Option<&f64>| time.map_or_else(String::new, |time| format!("{time:.2} s"));
        table.row([
            target.to_string(),
            recoveries.len().to_string(),
            sum(|round| round.checkouts),
            sum(|round| round.tries_again),
            time(recoveries.get(recoveries.len() / 2)),
            time(recoveries.last()),
        ]);
    }
    let mut parts = vec![table.to_string(), String::new()];
    let Report { paid, cancelled, seconds, seed, rounds, .. } = report;
    let early = if report.interrupted { ", ended early" } else { "" };
    parts.push(format!(
        "rounds: {}, strikes: {}, orders paid: {paid}, cancelled: {cancelled}; {seconds:.1} s (seed {seed}{early})",
        rounds.len(),
        report.strikes(),
    ));
    for finding in &report.findings {
        parts.push(format!("{} {}", "✗".red(), harmless(&finding.what)));
        let again = rounds.last().map(|round| printer::typeable(&format!("`{}`", again(report, round, instance))));
        parts.push(format!("  {} {}", "again:".cyan(), again.unwrap_or_default()));
    }
    if report.held() {
        let nothing = "nothing was lost, nothing was done twice, every order is in a final state";
        parts.push(format!("{} {nothing}", "✓".green()));
    }
    parts.extend(report.invariants.as_ref().map(|invariants| verify::shown(invariants, instance)));
    parts.join("\n")
}
