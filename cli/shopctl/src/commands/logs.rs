//! `shopctl logs`: what the resources wrote, from their files, whether the instance runs or not; with `-f` also what
//! they write.

pub(crate) mod event;
pub(crate) mod filter;
mod output;

use std::{collections::BTreeSet, io, time::Duration};

use shopctl_protocol::{LogFilter, Update};
use shopctl_runtime::{
    Client, Instance,
    client::{self, Watch},
    log::{self, History},
    plan::Plan,
    supervisor,
};
use tokio::time::{Instant, sleep_until};

use self::{filter::Filter, output::Output};
use crate::{
    args::{Global, Logs},
    exit::{Exit, Failure},
    running,
};

/// Lines are shown together that are written within this time.
const TOGETHER: Duration = Duration::from_millis(20);

pub(crate) async fn run(global: &Global, args: &Logs) -> anyhow::Result<Exit> {
    match print(global, args).await {
        // Whoever read has read enough (`| head`).
        Err(error)
            if error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(Exit::Success)
        }
        outcome => outcome,
    }
}

async fn print(global: &Global, args: &Logs) -> anyhow::Result<Exit> {
    let filter = Filter::new(args)?;
    let instance = running::instance(global)?;
    let known = known(&instance)?;
    if known.is_empty() && !instance.is_locked() {
        return Err(running::not_running(&instance.name).into());
    }
    if let Some(unknown) = args.resources.iter().find(|name| !known.contains(*name)) {
        return Err(unknown_resource(unknown, &known).into());
    }
    let names: Vec<String> =
        if args.resources.is_empty() { known.into_iter().collect() } else { args.resources.clone() };
    // First, so that nothing falls between the files and what is told of them.
    let watch = if args.follow { watch(&instance, args).await? } else { None };
    let mut history = History::open(&instance.log_dir(), &names)?;
    let mut output = Output::new(global, args, &names, filter);
    match args.tail {
        _ if args.since.is_some() || args.until.is_some() => {
            history.limit(args.since.unwrap_or(0), args.until.unwrap_or(u64::MAX))?;
        }
        // Without a filter the last lines are where the files end.
        Some(lines) if output.takes_all() => history.near_end(lines as u64)?,
        Some(_) | None => {}
    }
    output.read(&mut history)?;
    match watch {
        Some(watch) => follow(watch, &mut history, &mut output, args).await?,
        None => output.finish(&mut history)?,
    }
    if args.follow && !instance.is_locked() && !output.followed() {
        return Err(running::not_running(&instance.name).into());
    }
    Ok(Exit::Success)
}

async fn watch(instance: &Instance, args: &Logs) -> anyhow::Result<Option<Watch>> {
    let filter = if args.resources.is_empty() { LogFilter::All } else { LogFilter::Only(args.resources.clone()) };
    match Client::connect(instance).await {
        Ok(client) => Ok(Some(client.watch(filter).await?)),
        Err(client::Error::NotRunning(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The supervisor only tells that there is something: the lines come from the files, which have all of them.
async fn follow(mut watch: Watch, history: &mut History, output: &mut Output, args: &Logs) -> anyhow::Result<()> {
    output.go_on()?;
    let mut due = None;
    loop {
        tokio::select! {
            update = watch.next() => match update? {
                Some(Update::Line { .. } | Update::Missed { .. }) => {
                    due.get_or_insert_with(|| Instant::now() + TOGETHER);
                }
                Some(Update::Snapshot { snapshot }) if args.resources.is_empty() => {
                    snapshot.resources.iter().for_each(|resource| history.add(&resource.name));
                }
                Some(Update::Down) | None => break,
                Some(
                    Update::Snapshot { .. }
                    | Update::Changed { .. }
                    | Update::Progress { .. }
                    | Update::Figures { .. }
                    | Update::Logged
                    | Update::Booted { .. }
                    | Update::Stopping { .. },
                ) => {}
            },
            () = async { sleep_until(due.unwrap_or_else(Instant::now)).await }, if due.is_some() => {
                due = None;
                output.read(history)?;
            }
        }
    }
    output.finish(history)?;
    Ok(())
}

/// The resources that the instance has, or that have left a log.
fn known(instance: &Instance) -> anyhow::Result<BTreeSet<String>> {
    let mut names: BTreeSet<String> = log::resources(&instance.log_dir())?.into_iter().collect();
    // Where there is no plan nothing was ever started, and what cannot be understood adds nothing.
    if let Ok(plan) = instance.load::<Plan>(supervisor::PLAN)
        && let Ok(manifest) = plan.parse()
    {
        names.extend(manifest.resources.into_keys());
    }
    Ok(names)
}

fn unknown_resource(name: &str, known: &BTreeSet<String>) -> Failure {
    /// Less alike than this is no slip of the finger.
    const ALIKE: f64 = 0.75;
    let failure = Failure::new(Exit::Usage, format!("there is no resource {name} in this instance"));
    let likeness = |other: &String| strsim::jaro_winkler(name, other);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|nearest| likeness(nearest) > ALIKE) {
        Some(nearest) => failure.hint(format!("did you mean {nearest}?")),
        None => failure.hint(format!("there is {}", known.iter().map(String::as_str).collect::<Vec<_>>().join(", "))),
    }
}
