//! `shopctl start`, `stop` and `restart`: single resources, while the rest goes on.

use std::collections::BTreeMap;

use shopctl_protocol::{Action, LogFilter, Resource, Update};
use shopctl_runtime::Client;
use tokio::time::{Instant, timeout_at};

use crate::{
    args::{Act, Global},
    exit::{Exit, Failure},
    lines::harmless,
    printer, running,
};

pub(crate) async fn run(global: &Global, args: &Act, action: Action) -> anyhow::Result<Exit> {
    let deadline = Instant::now() + args.timeout;
    let instance = running::instance(global)?;
    // First, so that nothing of what follows is missed.
    let mut watch = Client::connect(&instance).await?.watch(LogFilter::None).await?;
    let mut client = running::connect(global).await?;
    let before = resources(&mut client).await?;
    if let Some(name) = args.resources.iter().find(|name| !before.contains_key(*name)) {
        return Err(running::no_resource(name, before.keys()).into());
    }
    client.act(action, &args.resources).await?;
    if args.no_wait {
        return Ok(Exit::Success);
    }
    // The state as of now, with the action begun: what the watch still brings from before is older.
    let mut now = resources(&mut client).await?;
    loop {
        let mut waiting = Vec::new();
        for name in &args.resources {
            match now.get(name).map(|resource| progress(action, resource)) {
                Some(Progress::Done) => {}
                Some(Progress::Failed(failure)) => return Err(failure.into()),
                Some(Progress::UnderWay) | None => waiting.push(name.clone()),
            }
        }
        if waiting.is_empty() {
            break;
        }
        let update = match timeout_at(deadline, watch.next()).await {
            Ok(update) => update?.ok_or_else(|| running::not_running(&instance.name))?,
            Err(_) => {
                let message =
                    format!("not done after {}: {}", humantime::format_duration(args.timeout), waiting.join(", "));
                let hint = format!("`shopctl why {}` tells why", waiting[0]);
                return Err(Failure::new(Exit::TimedOut, message).hint(hint).into());
            }
        };
        match update {
            Update::Changed { .. } | Update::Missed { .. } => {
                // Asked for rather than taken from the update: those that were on their way are out of date.
                now = resources(&mut client).await?;
            }
            Update::Stopping { .. } | Update::Down => return Err(running::not_running(&instance.name).into()),
            Update::Snapshot { .. }
            | Update::Progress { .. }
            | Update::Line { .. }
            | Update::Figures { .. }
            | Update::Logged
            | Update::Booted { .. } => {}
        }
    }
    for name in &args.resources {
        let took = now.get(name).and_then(|resource| resource.took);
        let took = took.map_or_else(String::new, |took| format!(" ({took:.2} s)"));
        printer::note(match action {
            Action::Stop => format!("stopped {name}"),
            Action::Start | Action::Restart => format!("{name} is ready{took}"),
            Action::Kill => format!("killed {name}"),
            Action::Pause => format!("{name} is paused"),
            Action::Resume => format!("{name} goes on"),
        });
    }
    Ok(Exit::Success)
}

/// All of them as they are now, by name.
async fn resources(client: &mut Client) -> anyhow::Result<BTreeMap<String, Resource>> {
    let snapshot = client.status().await?;
    Ok(snapshot.resources.into_iter().map(|resource| (resource.name.clone(), resource)).collect())
}

enum Progress {
    UnderWay,
    Done,
    Failed(Failure),
}

fn progress(action: Action, resource: &Resource) -> Progress {
    match (action, resource.state.as_str()) {
        // Done once they are answered.
        (Action::Kill | Action::Pause | Action::Resume, _) => Progress::Done,
        (Action::Stop, "stopped" | "failed" | "completed") => Progress::Done,
        (Action::Start | Action::Restart, _) if resource.ready => Progress::Done,
        (Action::Start | Action::Restart, "failed") => {
            let why = resource.why.last().map_or_else(String::new, |cause| harmless(&cause.detail).into_owned());
            let failure = Failure::new(Exit::Resource, format!("{}: {why}", resource.name));
            Progress::Failed(failure.hint(format!("`shopctl logs {}` shows what it said", resource.name)))
        }
        (Action::Start | Action::Restart, "stopped") => {
            Progress::Failed(Failure::new(Exit::Failure, format!("{} was stopped meanwhile", resource.name)))
        }
        _ => Progress::UnderWay,
    }
}
