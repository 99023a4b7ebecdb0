//! `shopctl trace`: all that happened to an order, whoever knows of it, and what it waits for.

mod events;
mod follow;
mod lines;
#[cfg(test)]
mod million;
mod output;
mod source;
mod spans;

use std::io;

use anyhow::Context as _;
use shopctl_trace::{Story, html};

use self::{output::Output, source::Source};
use crate::{
    args::{
        Global,
        trace::{Subject, Trace},
    },
    exit::{Exit, Failure},
    printer, running,
};

pub(crate) use output::{paint, style};
pub(crate) use spans::read as read_spans;

pub(crate) async fn run(global: &Global, args: &Trace) -> anyhow::Result<Exit> {
    let instance = running::instance(global)?;
    let mut source = Source::open(instance).await?;
    let subject = match &args.subject {
        Some(subject) => subject.clone(),
        None => source.latest().await?,
    };
    let output = Output::new(global, args.ascii);
    if args.follow {
        return follow::run(&mut source, &subject, output).await;
    }
    let story = source.story(&subject).await?;
    if !is_known(&story) {
        return Err(unknown(&subject, &story, source.is_running()).into());
    }
    if let Some(path) = &args.html {
        std::fs::write(path, html(&story)).with_context(|| format!("cannot write {}", path.display()))?;
        printer::note(format_args!("the page is in {}", path.display()));
    }
    match output.print(&story) {
        // Whoever read has read enough (`| head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Success),
        printed => Ok(printed.map(|()| Exit::Success)?),
    }
}

/// Whether anybody has ever heard of it.
fn is_known(story: &Story) -> bool {
    let Story { status, events, traces, lines, .. } = story;
    status.is_some() || !events.is_empty() || !traces.is_empty() || !lines.is_empty()
}

fn unknown(subject: &Subject, story: &Story, is_running: bool) -> Failure {
    let (what, hint) = match subject {
        Subject::Order(id) => (
            format!("order {id}"),
            "`shopctl events --type order_created` lists the orders, `shopctl trace --last` takes the latest",
        ),
        Subject::Trace(id) => (
            format!("trace {id}"),
            "`shopctl events --json` and `shopctl logs` name traces, `shopctl trace --last` takes the latest order",
        ),
    };
    let unasked = story.missing.iter().filter(|missing| missing.what != spans::WHAT);
    let unasked: Vec<String> = unasked.map(|missing| format!("no {}: {}", missing.what, missing.why)).collect();
    let mut message = format!("nothing is known of {what}");
    if !unasked.is_empty() {
        message = format!("{message} ({})", unasked.join("; "));
    }
    let exit = if is_running { Exit::Usage } else { Exit::NotRunning };
    Failure::new(exit, message).hint(if is_running { hint } else { running::NOT_RUNNING })
}
