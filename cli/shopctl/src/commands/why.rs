//! `shopctl why`: why a resource is not ready, or was not when the instance ended.

use shopctl_protocol::Cause;
use shopctl_runtime::{
    Client, client,
    instance::{End, Last},
};

use crate::{
    args::{Global, Why},
    exit::Exit,
    lines::harmless,
    printer, running,
};

pub(crate) async fn run(global: &Global, args: &Why) -> anyhow::Result<Exit> {
    let instance = running::instance(global)?;
    let causes = match (Client::connect(&instance).await, Last::of(&instance)) {
        (Ok(mut client), _) => {
            let known = client.status().await?.resources;
            if known.iter().all(|resource| resource.name != args.resource) {
                return Err(running::unknown(&args.resource, known.iter().map(|resource| &resource.name)).into());
            }
            client.why(&args.resource).await?
        }
        (Err(client::Error::NotRunning(_)), Some(last)) => remembered(&last, &args.resource)?,
        (Err(error), _) => return Err(error.into()),
    };
    if global.json {
        printer::data(serde_json::to_string(&causes)?);
        return Ok(Exit::Success);
    }
    for (depth, cause) in causes.iter().enumerate() {
        let indent = "  ".repeat(depth);
        printer::data(format_args!("{indent}{}: {}", cause.resource, harmless(&cause.detail)));
        for line in &cause.lines {
            printer::data(format_args!("{indent}  | {}", harmless(line)));
        }
    }
    Ok(Exit::Success)
}

/// The chain as of the end of a run that is over.
fn remembered(last: &Last, name: &str) -> anyhow::Result<Vec<Cause>> {
    let known = &last.snapshot.resources;
    let Some(resource) = known.iter().find(|resource| resource.name == name) else {
        return Err(running::unknown(name, known.iter().map(|resource| &resource.name)).into());
    };
    let end = match last.end() {
        End::BootFailed(_) => "when the boot failed".to_owned(),
        End::Stopped(why) => format!("when it was stopped ({why})"),
        End::Killed => "when its boot was over; later its supervisor was killed".to_owned(),
    };
    let time = humantime::format_rfc3339_seconds(last.time());
    printer::note(format_args!("instance {} is not running: as of {time}, {end}", last.snapshot.instance));
    if !resource.why.is_empty() {
        return Ok(resource.why.clone());
    }
    let detail = format!("was {}", resource.state);
    Ok(vec![Cause { resource: name.to_owned(), detail, lines: Vec::new() }])
}
