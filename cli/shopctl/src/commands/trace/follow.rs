//! An order that is under way, until it is final and nothing comes any more.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use shopctl_trace::{Stamp, Story};
use tokio::time::{Instant, sleep};

use super::{is_known, output::Output, source::Source, unknown};
use crate::{args::trace::Subject, exit::Exit, printer};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(300);
/// Spans are sent in batches: so long after the last change they have come.
const QUIET: Duration = Duration::from_secs(3);

pub(super) async fn run(source: &mut Source, subject: &Subject, output: Output) -> anyhow::Result<Exit> {
    tokio::select! {
        followed = follow(source, subject, &output) => match followed {
            Err(error) if error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe) => {
                Ok(Exit::Success)
            }
            followed => followed,
        },
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted.map(|()| Exit::Success)?),
    }
}

async fn follow(source: &mut Source, subject: &Subject, output: &Output) -> anyhow::Result<Exit> {
    let draws = !output.is_json() && io::stdout().is_terminal();
    let mut last: Option<(Story, Instant)> = None;
    let mut head = Vec::new();
    loop {
        let story = source.story(subject).await?;
        if last.is_none() && !is_known(&story) {
            return Err(unknown(subject, &story, source.is_running()).into());
        }
        let is_new = last.as_ref().is_none_or(|(before, _)| !is_same(before, &story));
        let since = match &last {
            Some((_, since)) if !is_new => *since,
            Some(_) | None => Instant::now(),
        };
        if draws {
            // Also without news: waits are told with their times.
            output.draw(&story)?;
        } else if is_new && output.is_json() {
            output.print_compact(&story)?;
        } else if is_new {
            let now = output.head(&story);
            now.iter().filter(|line| !head.contains(*line)).for_each(printer::note);
            head = now;
        }
        let is_over = story.is_over() && since.elapsed() >= QUIET;
        // What does not run does nothing any more.
        if is_over || !source.is_running() {
            if draws {
                output.clear()?;
            }
            if !output.is_json() {
                output.print(&story)?;
            }
            return Ok(Exit::Success);
        }
        last = Some((story, since));
        sleep(LOOK).await;
    }
}

/// Apart from when it was looked at.
fn is_same(before: &Story, after: &Story) -> bool {
    let timeless = |story: &Story| Story { now: Stamp::default(), ..story.clone() };
    timeless(before) == timeless(after)
}
