//! `shopctl checkout load`: many checkouts at once, timed.

use std::{convert::Infallible, fs, io::IsTerminal as _, time::Duration};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize as _;
use shopctl_scenario::{
    Shop,
    basket::ORDERS,
    invariants::{self, Addresses, Expected, Options},
    load::{self, Arrivals, Live, Plan, Report, Stage},
};

use super::verify;
use crate::{
    args::{
        Global,
        load::{Format, Load},
    },
    client,
    exit::{Exit, Failure},
    lines::harmless,
    printer::{self, Table},
    running,
};

/// Errors that are shown while the load goes on.
const SHOWN: usize = 3;
/// Without a terminal a line is enough from time to time.
const LINE: Duration = Duration::from_secs(5);

pub(crate) async fn run(global: &Global, args: &Load, seed: Option<u64>) -> anyhow::Result<Exit> {
    let addresses = serde_json::to_value(client::addresses(global).await?)?;
    let lacks = "the instance lacks an address that a load needs";
    let shop: Shop = serde_json::from_value(addresses.clone()).context(lacks)?;
    let places: Addresses = serde_json::from_value(addresses).context(lacks)?;
    let plan = Plan {
        arrivals: arrivals(args),
        accounts: args.accounts.into(),
        seed: seed.unwrap_or_else(rand::random),
        orders: running::workspace(global)?.root.join("fixtures").join(ORDERS),
        patience: args.patience,
        thresholds: args.thresholds.clone(),
    };
    let mut view = View::new(global.quiet);
    let mut watched = Vec::new();
    let mut report = {
        let expected = Expected::default();
        let looking = async {
            if args.watch_invariants {
                invariants::watch(&places, &expected, |violation| watched.push(violation)).await
            } else {
                std::future::pending::<Infallible>().await
            }
        };
        let mut show = |live: &Live| view.show(live);
        tokio::select! {
            report = load::run(&shop, &plan, &mut show) => report?,
            never = looking => match never {},
        }
    };
    report.watched = watched;
    if !args.no_verify {
        let mut show = |phase| view.say(&verify::told(phase));
        report.invariants = Some(invariants::check(&places, &Options::default(), &mut show).await?);
    }
    drop(view);
    for wanted in &args.reports {
        let text = match wanted.format {
            Format::Json => serde_json::to_string_pretty(&report)?,
            Format::Html => load::html(&report),
        };
        let path = &wanted.path;
        fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if global.json {
        printer::data(serde_json::to_string_pretty(&report)?);
    } else if !global.quiet {
        printer::data(shown(&report, &global.instance));
    }
    match failure(&report) {
        None => Ok(Exit::Success),
        Some(failure) => Err(failure.into()),
    }
}

fn arrivals(args: &Load) -> Arrivals {
    let time = args.duration;
    match (args.in_flight, args.rate) {
        (Some(in_flight), _) => Arrivals::Closed { in_flight: in_flight.into(), time },
        (None, _) if !args.stages.is_empty() => Arrivals::Open(Stage::ramps(&args.stages)),
        (None, Some(rate)) => Arrivals::Open(vec![Stage { time, from: rate, to: rate }]),
        // As many as a small shop has at once.
        (None, None) => Arrivals::Closed { in_flight: 8, time },
    }
}

/// Invariants before thresholds.
fn failure(report: &Report) -> Option<Failure> {
    if let Some(violated) = report.invariants.as_ref().and_then(verify::violated) {
        return Some(violated);
    }
    if !report.watched.is_empty() {
        let message = format!("{} things did not hold for 5 s while the load went on", report.watched.len());
        let hint = "`shopctl verify` tells whether they hold by now";
        return Some(Failure::new(Exit::Invariant, message).hint(hint));
    }
    let missed: Vec<String> =
        report.missed().map(|verdict| format!("{} ({})", verdict.threshold, verdict.measured)).collect();
    let hint = if report.generator.bottleneck {
        "the generator itself was too slow: load less, or from a machine with idle cores, before you blame the shop"
    } else {
        "`--report html=FILE` shows when it went wrong; `shopctl logs --level warn` may tell why"
    };
    let message = || format!("thresholds missed: {}", missed.join(", "));
    (!missed.is_empty()).then(|| Failure::new(Exit::Scenario, message()).hint(hint))
}

/// How the load goes: on a terminal a few lines that are written anew, else one from time to time.
struct View {
    bar: Option<ProgressBar>,
    quiet: bool,
    told: Duration,
}

impl View {
    fn new(quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| ProgressBar::new(0));
        if let Some(bar) = &bar {
            let style = ProgressStyle::with_template("{bar:30.cyan/blue} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        }
        Self { bar, quiet, told: Duration::ZERO }
    }

    fn show(&mut self, live: &Live) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(millis(live.time));
                bar.set_position(millis(live.elapsed.min(live.time)));
                bar.set_message(lines(live).join("\n"));
            }
            None if !self.quiet && live.elapsed >= self.told + LINE => {
                self.told = live.elapsed;
                printer::note(lines(live).join("; "));
            }
            None => {}
        }
    }

    fn say(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn lines(live: &Live) -> Vec<String> {
    let lag = live.lag.map_or("unknown".to_owned(), |lag| lag.to_string());
    let mut lines = vec![format!(
        "{:.0} s  {:.0} checkouts/s  {} under way  {} paid  {} failed  lag {lag}",
        live.elapsed.as_secs_f64(),
        live.rate,
        live.in_flight,
        live.paid,
        live.failed
    )];
    if let Some([p50, p95, p99]) = live.quantiles {
        lines.push(format!("checkout p50 {}  p95 {}  p99 {}", time(p50), time(p95), time(p99)));
    }
    lines.extend(live.errors.iter().take(SHOWN).map(|(cause, count)| format!("{count} x {}", harmless(cause))));
    lines
}

/// The result for people.
fn shown(report: &Report, instance: &str) -> String {
    let mut table = Table::new(["step", "count", "p50", "p90", "p95", "p99", "p99.9", "max"]);
    for step in &report.steps {
        let times = [step.p50, step.p90, step.p95, step.p99, step.p999, step.max].map(time);
        let [p50, p90, p95, p99, p999, max] = times;
        table.row([step.step.words().to_owned(), step.count.to_string(), p50, p90, p95, p99, p999, max]);
    }
    let mut parts = vec![table.to_string(), String::new()];
    parts.push(format!(
        "{} checkouts began, {} were paid, {} failed ({:.2} %) in {:.1} s: {:.1} checkouts and {:.0} requests a second",
        report.started,
        report.paid,
        report.failed,
        report.failed_part() * 100.0,
        report.seconds,
        report.rate,
        report.requests_per_second
    ));
    let mut errors: Vec<(&String, &u64)> = report.errors.iter().collect();
    errors.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    parts.extend(errors.iter().map(|(cause, count)| format!("{} {count} x {}", "✗".red(), harmless(cause))));
    let generator = report.generator;
    let used = format!("the generator used {:.0} % of a core", generator.busy * 100.0);
    let late = format!("began checkouts {} late at p99", time(generator.late));
    parts.push(if generator.bottleneck {
        let said = "it was the bottleneck, and the shop may be faster than this";
        format!("{} {used} and {late}: {said}", "!".yellow().bold())
    } else {
        format!("{used} and {late}: it was not the bottleneck")
    });
    for verdict in &report.thresholds {
        let mark = if verdict.held { "✓".green().to_string() } else { "✗".red().to_string() };
        parts.push(format!("{mark} {}: {}", verdict.threshold, verdict.measured));
    }
    for violation in &report.watched {
        let objects = violation.objects.first().map(ToString::to_string).unwrap_or_default();
        let said = format!("{}: {objects} for more than 5 s", violation.claim.words());
        parts.push(format!("{} {}", "✗".red(), harmless(&said)));
    }
    parts.extend(report.invariants.as_ref().map(|invariants| verify::shown(invariants, instance)));
    parts.join("\n")
}

/// Seconds in the unit that suits them.
fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 0.001 => format!("{:.0} us", seconds * 1e6),
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.2} s"),
    }
}
