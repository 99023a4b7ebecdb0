//! `shopctl fault`: breaks what runs, by edge, by topic and by resource, and makes it whole again.

mod place;

use std::time::Duration;

use serde_json::json;
use shopctl_core::failpoint;
use shopctl_protocol::{Action, Fault, FaultKind, Resource, Snapshot};
use shopctl_runtime::{Client, client};

use self::place::{Place, Places};
use crate::{
    args::{
        Global,
        fault::{Clear, Command, Fault as Args, Kind, Point, Set},
    },
    exit::{Exit, Failure},
    printer, running,
};

/// Of latency, delay and reordering, where none is given.
const TIME: Duration = Duration::from_millis(200);
/// What the control protocol tells of a resource that stands still.
const PAUSED: &str = "paused";

pub(crate) async fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let mut client = running::connect(global).await?;
    match &args.command {
        Command::Set(set) => self::set(global, &mut client, set).await,
        Command::Point(point) => {
            let Point { service, point, action } = point;
            Places::of(global)?.resource(service)?;
            place::point(service, point)?;
            client.failpoint(service, point, Some(action)).await.map_err(explained)?;
            printer::note(format_args!("{service}: {point}={action}"));
            Ok(Exit::Success)
        }
        Command::List => list(global, &mut client).await,
        Command::Clear(clear) => self::clear(global, &mut client, clear).await,
        Command::Kill(kill) => {
            let places = Places::of(global)?;
            kill.resources.iter().try_for_each(|name| places.resource(name))?;
            client.act(Action::Kill, &kill.resources).await.map_err(explained)?;
            kill.resources.iter().for_each(|name| printer::note(format_args!("killed {name}")));
            Ok(Exit::Success)
        }
    }
}

async fn set(global: &Global, client: &mut Client, set: &Set) -> anyhow::Result<Exit> {
    let places = Places::of(global)?;
    let place = places.find(&set.on)?;
    match wanted(set)? {
        Wanted::Act(action) => {
            if place != Place::Resource {
                return Err(places.mismatch(&set.on, place, set.kind).into());
            }
            client.act(action, std::slice::from_ref(&set.on)).await.map_err(explained)?;
            printer::note(format_args!("{}: {}", set.on, word(set.kind)));
        }
        Wanted::Fault(kind) => {
            if place != if kind.is_of_topic() { Place::Topic } else { Place::Edge } {
                return Err(places.mismatch(&set.on, place, set.kind).into());
            }
            let fault = Fault {
                on: places.name(&set.on),
                kind,
                rate: set.rate.unwrap_or(1.0),
                seed: set.seed.unwrap_or_else(super::checkout::seed),
                left: set.time.map(|time| time.as_secs_f64()),
            };
            client.set_fault(fault.clone()).await.map_err(explained)?;
            if global.json {
                printer::data(serde_json::to_string(&fault)?);
            } else {
                let seed = if set.rate.is_some() || set.jitter.is_some() || set.kind == Kind::Reorder {
                    format!(" (seed {})", fault.seed)
                } else {
                    String::new()
                };
                printer::note(format_args!("{fault}{seed}"));
            }
        }
    }
    Ok(Exit::Success)
}

enum Wanted {
    Fault(FaultKind),
    Act(Action),
}

/// What the options come to; those that the kind does not take are refused by name.
fn wanted(set: &Set) -> Result<Wanted, Failure> {
    let takes: &[&str] = match set.kind {
        Kind::Latency | Kind::Delay => &["--delay", "--jitter", "--rate", "--for", "--seed"],
        Kind::Reorder => &["--within", "--rate", "--for", "--seed"],
        Kind::Reset | Kind::Timeout | Kind::Duplicate | Kind::Drop | Kind::Poison => &["--rate", "--for", "--seed"],
        Kind::Refuse => &["--for"],
        Kind::Kill | Kind::Pause | Kind::Stop | Kind::Restart => &[],
    };
    let given = [
        ("--delay", set.delay.is_some()),
        ("--jitter", set.jitter.is_some()),
        ("--within", set.within.is_some()),
        ("--rate", set.rate.is_some()),
        ("--for", set.time.is_some()),
        ("--seed", set.seed.is_some()),
    ];
    if let Some((option, _)) = given.iter().find(|(option, is_given)| *is_given && !takes.contains(option)) {
        let failure = Failure::new(Exit::Usage, format!("{} takes no {option}", word(set.kind)));
        return Err(if takes.is_empty() { failure } else { failure.hint(format!("it takes {}", takes.join(", "))) });
    }
    let seconds = |time: Option<Duration>| time.unwrap_or(TIME).as_secs_f64();
    let (delay, jitter) = (seconds(set.delay), set.jitter.unwrap_or_default().as_secs_f64());
    Ok(match set.kind {
        Kind::Latency => Wanted::Fault(FaultKind::Latency { delay, jitter }),
        Kind::Reset => Wanted::Fault(FaultKind::Reset),
        Kind::Timeout => Wanted::Fault(FaultKind::Timeout),
        Kind::Refuse => Wanted::Fault(FaultKind::Refuse),
        Kind::Duplicate => Wanted::Fault(FaultKind::Duplicate),
        Kind::Delay => Wanted::Fault(FaultKind::Delay { delay, jitter }),
        Kind::Reorder => Wanted::Fault(FaultKind::Reorder { within: seconds(set.within) }),
        Kind::Drop => Wanted::Fault(FaultKind::Drop),
        Kind::Poison => Wanted::Fault(FaultKind::Poison),
        Kind::Kill => Wanted::Act(Action::Kill),
        Kind::Pause => Wanted::Act(Action::Pause),
        Kind::Stop => Wanted::Act(Action::Stop),
        Kind::Restart => Wanted::Act(Action::Restart),
    })
}

fn word(kind: Kind) -> String {
    clap::ValueEnum::to_possible_value(&kind).map_or_else(String::new, |value| value.get_name().to_owned())
}

async fn list(global: &Global, client: &mut Client) -> anyhow::Result<Exit> {
    let snapshot = client.status().await?;
    let (paused, points) = (paused(&snapshot), points(&snapshot));
    if global.json {
        let paused = paused.iter().map(|name| json!({ "on": name, "kind": "pause" }));
        let point = |(name, point, action): &(String, String, String)| json!({ "on": name, "kind": "failpoint", "point": point, "action": action });
        let faults = snapshot.faults.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>()?;
        let all = faults.into_iter().chain(paused).chain(points.iter().map(point));
        printer::data(serde_json::to_string(&all.collect::<Vec<_>>())?);
        return Ok(Exit::Success);
    }
    snapshot.faults.iter().for_each(printer::data);
    paused.iter().for_each(|name| printer::data(format_args!("{name}: {PAUSED}")));
    points.iter().for_each(|(name, point, action)| printer::data(format_args!("{name}: {point}={action}")));
    if snapshot.faults.is_empty() && paused.is_empty() && points.is_empty() {
        printer::note("nothing is broken on purpose");
    }
    Ok(Exit::Success)
}

fn paused(snapshot: &Snapshot) -> Vec<String> {
    let is_paused = |faults: &[String]| faults.iter().any(|fault| fault == PAUSED);
    let paused = snapshot.resources.iter().filter(|resource| is_paused(&resource.faults));
    paused.map(|resource| resource.name.clone()).collect()
}

/// Resource, point and action of each failpoint that is set.
fn points(snapshot: &Snapshot) -> Vec<(String, String, String)> {
    let of = |resource: &Resource| {
        let point = |fault: &String| {
            let (point, action) = failpoint::told(fault)?;
            Some((resource.name.clone(), point.to_owned(), action.to_owned()))
        };
        resource.faults.iter().filter_map(point).collect::<Vec<_>>()
    };
    snapshot.resources.iter().flat_map(of).collect()
}

/// Whether anything was broken about the resource.
async fn mend(client: &mut Client, snapshot: &Snapshot, name: &str) -> anyhow::Result<bool> {
    let is_paused = paused(snapshot).iter().any(|paused| paused == name);
    if is_paused {
        client.act(Action::Resume, &[name.to_owned()]).await.map_err(explained)?;
    }
    let points: Vec<_> = points(snapshot).into_iter().filter(|(of, ..)| of == name).collect();
    for (_, point, _) in &points {
        client.failpoint(name, point, None).await.map_err(explained)?;
    }
    Ok(is_paused || !points.is_empty())
}

async fn clear(global: &Global, client: &mut Client, clear: &Clear) -> anyhow::Result<Exit> {
    let snapshot = client.status().await?;
    if clear.all {
        for (name, point, _) in points(&snapshot) {
            client.failpoint(&name, &point, None).await.map_err(explained)?;
        }
        let paused = paused(&snapshot);
        if !paused.is_empty() {
            client.act(Action::Resume, &paused).await.map_err(explained)?;
        }
        client.clear_faults(None).await.map_err(explained)?;
        printer::note("nothing is broken on purpose any more");
        return Ok(Exit::Success);
    }
    let places = Places::of(global)?;
    // A wrong name is told before anything is done.
    let found = clear.on.iter().map(|on| Ok((on, places.find(on)?))).collect::<Result<Vec<_>, Failure>>()?;
    for (on, place) in found {
        match place {
            Place::Resource if mend(client, &snapshot, on).await? => {}
            Place::Resource => {
                return Err(Failure::new(Exit::Failure, format!("nothing is broken on {on}")).into());
            }
            Place::Edge | Place::Topic => client.clear_faults(Some(places.name(on))).await.map_err(explained)?,
        }
        printer::note(format_args!("{on} is whole again"));
    }
    Ok(Exit::Success)
}

/// What the supervisor refuses, with what can be done about it.
fn explained(error: client::Error) -> anyhow::Error {
    match error {
        client::Error::Refused(why) if why.contains("--faults") => {
            let hint = "`shopctl down` and `shopctl up --faults`: the data stay";
            Failure::new(Exit::Failure, why).hint(hint).into()
        }
        client::Error::Refused(why) if why.contains("--failpoints") => {
            let hint = "`shopctl down` and `shopctl up --failpoints`: the data stay";
            Failure::new(Exit::Failure, why).hint(hint).into()
        }
        error => error.into(),
    }
}
