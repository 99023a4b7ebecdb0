//! `shopctl smoke`: a shop of its own, scenarios, invariants, reports, and nothing left: what a CI job calls.

mod artifacts;
mod instance;
mod invariants;
mod repeat;
mod write;

use std::time::Instant;

use futures::{StreamExt as _, stream};
use shopctl_scenario::{
    Report,
    file::Named,
    play::{self, Stage},
    report::{Part, Played, Skipped, Suite, github},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    checkout::{baskets, scenarios, seed, shop, show},
    up::Interrupts,
};
use crate::{
    args::{Global, smoke::Smoke},
    exit::{Exit, Failure},
    lines::harmless,
    printer,
    progress::Meter,
};
use instance::{Instance, NotBooted};

pub(crate) async fn run(global: &Global, args: &Smoke) -> anyhow::Result<Exit> {
    // From here on Ctrl-C is ours: nothing may stay behind.
    let mut interrupts = Interrupts::new()?;
    // A file that is wrong is told before anything is made.
    let (all, skipped) = apart(scenarios(global, &args.only)?, args)?;
    let own = instance::global(global);
    let began = Instant::now();
    let mut smoke = Run { args, global: &own, seed: args.seed.unwrap_or_else(seed), exits: Vec::new(), quiet: false };
    smoke.quiet = global.quiet || global.json;
    let mut suite = Suite { skipped, ..smoke.begun() };

    let mut booted = match Instance::boot(&own, args, breaks_edges(&all), &mut interrupts).await? {
        Ok(instance) => Some(instance),
        Err(NotBooted { exit, why }) => {
            suite.boot.problems.push(why);
            suite.interrupted = exit == Exit::Interrupted;
            smoke.exits.push(exit);
            None
        }
    };
    suite.boot.seconds = began.elapsed().as_secs_f64();
    if booted.is_some() {
        for Skipped { story, why } in &suite.skipped {
            smoke.say(format_args!("○ {story} is not played: {why}"));
        }
        smoke.say(format_args!("{} booted in {:.2} s", own.instance, suite.boot.seconds));
        let ended = tokio::select! {
            played = smoke.play(&all, &mut suite) => Some(played),
            () = interrupts.next() => None,
        };
        match ended {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                suite.boot.problems.push(format!("{error:#}"));
                smoke.exits.push(Exit::Failure);
            }
            None => suite.interrupted = true,
        }
    }
    if suite.interrupted {
        smoke.exits.push(Exit::Interrupted);
    }
    suite.repeat = repeat::command(&suite, args);
    // While it still runs: afterwards nothing can be asked any more.
    if (!smoke.exits.is_empty() || suite.scenarios.iter().any(|played| !played.held())) && !suite.interrupted {
        let folder = artifacts::collect(&own, args, &suite).await;
        suite.artifacts = folder.map(|folder| folder.display().to_string());
    }
    let ended = Instant::now();
    let down = instance::end(&own, booted.take(), &mut interrupts).await;
    let problems: Vec<String> = down.err().iter().map(|error| format!("{error:#}")).collect();
    if !problems.is_empty() {
        smoke.exits.push(Exit::Failure);
    }
    suite.tear_down = Some(Part { seconds: ended.elapsed().as_secs_f64(), problems });
    suite.seconds = began.elapsed().as_secs_f64();
    smoke.exits.extend(suite.scenarios.iter().any(|played| !played.report.held).then_some(Exit::Scenario));
    suite.held = smoke.exits.is_empty();
    smoke.tell(&suite)
}

/// Stories that are played side by side.
const AT_ONCE: usize = 4;

/// What can be played, and what is left out: an ordinary build has no points at which a story could strike it, and it is the
/// ordinary build that a smoke is about.
///
/// # Errors
/// When one was asked for by name that cannot be played.
fn apart(all: Vec<Named>, args: &Smoke) -> Result<(Vec<Named>, Vec<Skipped>), Failure> {
    let (armed, plain): (Vec<Named>, _) = all.into_iter().partition(|named| named.scenario.strikes_at_points());
    if args.failpoints {
        return Ok(([plain, armed].concat(), Vec::new()));
    }
    match (armed.first(), args.only.is_empty()) {
        (Some(named), false) => {
            let message =
                format!("{} strikes at points of the services' code, which an ordinary build has not", named.name);
            Err(Failure::new(Exit::Usage, message)
                .hint("`shopctl smoke --failpoints` builds and boots services that have them"))
        }
        _ => {
            let skipped = |named: Named| Skipped { story: named.name, why: "it takes --failpoints".to_owned() };
            Ok((plain, armed.into_iter().map(skipped).collect()))
        }
    }
}

/// Whether the shop is to have proxies on its edges.
fn breaks_edges(all: &[Named]) -> bool {
    all.iter().any(|named| named.scenario.breaks_edges())
}

/// One call of the command.
struct Run<'a> {
    args: &'a Smoke,
    global: &'a Global,
    seed: u64,
    /// How it has to end, by all that went wrong.
    exits: Vec<Exit>,
    quiet: bool,
}

impl Run<'_> {
    fn begun(&self) -> Suite {
        let whole = || Part { seconds: 0.0, problems: Vec::new() };
        Suite {
            instance: self.global.instance.clone(),
            seed: self.seed,
            began: OffsetDateTime::now_utc().truncate_to_second().format(&Rfc3339).unwrap_or_default(),
            seconds: 0.0,
            held: false,
            interrupted: false,
            boot: whole(),
            scenarios: Vec::new(),
            skipped: Vec::new(),
            invariants: None,
            tear_down: None,
            artifacts: None,
            repeat: String::new(),
        }
    }

    async fn play(&mut self, all: &[Named], suite: &mut Suite) -> anyhow::Result<()> {
        let stage = Stage::open(shop(self.global).await?, baskets(self.global)?).await;
        let stage = stage.map_err(|failure| anyhow::anyhow!("expected {}: {}", failure.expected, failure.observed))?;
        let mut invariants = invariants::Invariants::of(self.global).await?;
        let meter = Meter::new("scenarios");
        // Who disturbs nobody is played beside others like that; what came of them is looked at together.
        let (together, alone): (Vec<&Named>, _) = all.iter().partition(|named| play::is_discreet(&named.scenario));
        let batches = [together].into_iter().chain(alone.into_iter().map(|named| vec![named]));
        for batch in batches.filter(|batch| !batch.is_empty()) {
            let names: Vec<&str> = batch.iter().map(|named| named.name.as_str()).collect();
            meter.set(suite.scenarios.len() as u64, Some(all.len() as u64), &names.join(", "));
            let batch = batch.into_iter().map(|named| self.tried(&stage, named));
            let mut batch: Vec<Played> = stream::iter(batch).buffered(AT_ONCE).collect().await;
            let foreign = batch.iter().flat_map(|played| reports(played).flat_map(|report| report.foreign.clone()));
            for violation in invariants.check(foreign.collect()).await {
                self.exits.push(Exit::Invariant);
                let place = whose(&violation.orders, &batch);
                batch[place].violations.push(violation.told);
            }
            if !self.quiet {
                batch.iter().for_each(|played| meter.data(told_of(played)));
            }
            suite.scenarios.extend(batch);
        }
        suite.invariants = Some(invariants.part());
        Ok(())
    }

    /// Plays a story, and again if it fails and may be tried again.
    async fn tried(&self, stage: &Stage, named: &Named) -> Played {
        let mut earlier: Vec<Report> = Vec::new();
        let mut report = play::play(stage, named, self.seed, &|_| {}).await;
        while !report.held && (earlier.len() as u64) < u64::from(self.args.retries) {
            earlier.push(std::mem::replace(&mut report, play::play(stage, named, self.seed, &|_| {}).await));
        }
        Played { report, earlier, violations: Vec::new() }
    }

    fn say(&self, line: impl std::fmt::Display) {
        if !self.quiet {
            printer::data(line);
        }
    }

    /// Writes all reports, and says how it ended.
    fn tell(mut self, suite: &Suite) -> anyhow::Result<Exit> {
        for report in &self.args.reports {
            if let Err(error) = write::report(report, suite) {
                printer::note(format_args!("the report is not written: {error:#}"));
                self.exits.push(Exit::Failure);
            }
        }
        if self.global.json {
            printer::data(serde_json::to_string_pretty(suite)?);
        }
        if std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
            github::annotations(suite).into_iter().for_each(printer::note);
            write::github_summary(suite)?;
        }
        let held = suite.scenarios.iter().filter(|played| played.held()).count();
        let count = suite.scenarios.len();
        let Some(exit) = worst(&self.exits) else {
            let skipped = match suite.skipped.len() {
                0 => String::new(),
                skipped => format!(", {skipped} not played"),
            };
            self.say(format_args!("all {count} scenarios held{skipped} ({:.1} s, seed {})", suite.seconds, suite.seed));
            return Ok(Exit::Success);
        };
        if exit == Exit::Interrupted {
            return Ok(exit);
        }
        let what = match exit {
            Exit::Invariant | Exit::Scenario => format!("{} of {count} scenarios failed", count - held),
            _ => {
                let parts = [Some(&suite.boot), suite.tear_down.as_ref()];
                let problems = parts.into_iter().flatten().flat_map(|part| &part.problems);
                problems.cloned().collect::<Vec<_>>().join("; ")
            }
        };
        let why = suite.artifacts.as_ref().map(|folder| format!("{folder} has all that tells why; "));
        let hint = format!("{}`{}` does the same again", why.unwrap_or_default(), suite.repeat);
        Err(Failure::new(exit, what).hint(hint).into())
    }
}

/// All tries of a story.
fn reports(played: &Played) -> impl Iterator<Item = &Report> {
    played.earlier.iter().chain([&played.report])
}

/// Who answers for what is wrong about these orders: whose story made one of them, and for anything else the last one.
fn whose(orders: &[i64], batch: &[Played]) -> usize {
    let made = |played: &Played| reports(played).any(|report| report.orders.iter().any(|id| orders.contains(id)));
    batch.iter().position(made).unwrap_or(batch.len() - 1)
}

/// How a story ended, and all that tells why if it failed.
fn told_of(played: &Played) -> String {
    let mut lines = vec![show::summary(&played.report)];
    lines.extend(played.is_flaky().then(|| format!("  flaky: held at try {}", played.earlier.len() + 1)));
    lines.extend((!played.report.held).then(|| show::failure(&played.report)));
    // What stands in the databases may be anybody's words.
    lines.extend(played.violations.iter().map(|violation| format!("  {}", harmless(violation))));
    lines.join("\n")
}

/// Of several that hold, the one to tell.
fn worst(exits: &[Exit]) -> Option<Exit> {
    let rank = |exit: &Exit| match exit {
        Exit::Interrupted => 0,
        Exit::Invariant => 1,
        Exit::Scenario => 2,
        Exit::Resource => 3,
        Exit::TimedOut => 4,
        Exit::Conflict => 5,
        Exit::Usage | Exit::NotRunning => 6,
        Exit::Failure => 7,
        Exit::Success => 8,
    };
    exits.iter().copied().min_by_key(rank)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use shopctl_scenario::file::Library;

    use super::*;
    use crate::args::{Cli, Command};

    fn typed(arguments: &[&str]) -> Smoke {
        let all = ["shopctl", "smoke"].iter().chain(arguments);
        match Cli::try_parse_from(all).expect("it can be typed").command {
            Command::Smoke(smoke) => smoke,
            _ => panic!("it is a smoke"),
        }
    }

    #[test]
    fn what_strikes_at_points_is_played_where_it_is_asked_for_and_else_it_is_told() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/scenarios");
        let all = || Library::at(&folder).all().expect("they can be read");
        let (played, skipped) = apart(all(), &typed(&[])).expect("the rest can be played");
        let stories: Vec<&str> = skipped.iter().map(|skipped| skipped.story.as_str()).collect();
        assert_eq!((played.len() + 1, stories), (all().len(), vec!["in-between"]));
        let (played, skipped) = apart(all(), &typed(&["--failpoints"])).expect("all can be played");
        assert_eq!((played.len(), skipped.len()), (all().len(), 0));
        let refused = apart(all(), &typed(&["--only", "in-between"])).expect_err("it is asked for by name");
        assert!(refused.to_string().contains("in-between strikes at points"), "{refused}");
    }

    #[test]
    fn of_several_failures_the_gravest_is_told() {
        use Exit::{Failure, Invariant, Resource, Scenario, TimedOut};
        for (exits, told) in [
            (vec![], None),
            (vec![TimedOut, Resource], Some(Resource)),
            (vec![Resource, Scenario, TimedOut], Some(Scenario)),
            (vec![Scenario, Invariant, Failure], Some(Invariant)),
        ] {
            assert_eq!(worst(&exits), told, "{exits:?}");
        }
    }
}
