//! What the services' spans tell, read for a dashboard from the files of the receiver while somebody looks at it. Where
//! there are none, because telemetry is off or nobody has sent any yet, nothing is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use shopctl_telemetry::{Edge, Hop, Reader, Subject as Wanted};
use shopctl_trace::{
    Span,
    text::{self, Style},
    traces,
};
pub(super) use shopctl_tui::traces::Look;
use shopctl_tui::{
    Msg,
    flow::Call,
    subject::{Subject, TraceId},
    traces::{Rate, Told},
};
use tokio::{sync::mpsc, task::spawn_blocking, time::sleep};

use crate::commands::trace;

/// Between two looks at what services are asked for and at who calls whom; and at an order or a trace.
const TRAFFIC: Duration = Duration::from_secs(5);
const SUBJECT: Duration = Duration::from_secs(1);
/// How far back it is looked for what services are asked for.
const WINDOW: Duration = Duration::from_secs(60);
/// Rates of calls are those of the last minute or two: the store counts by whole minutes.
const MINUTE: u64 = 60;

/// Tells what is looked at again whenever it has changed, until it is dropped.
pub(super) async fn read(folder: PathBuf, look: Look, messages: mpsc::Sender<Msg>) {
    let pause = match look {
        Look::Nothing => return,
        Look::Rates | Look::Traffic => TRAFFIC,
        Look::Subject { .. } => SUBJECT,
    };
    let mut last = None;
    loop {
        let from = folder.clone();
        let told = spawn_blocking(move || tell(&from, look)).await.ok().flatten();
        if told.is_some() && told != last {
            last.clone_from(&told);
            if let Some(told) = told
                && messages.send(told).await.is_err()
            {
                return;
            }
        }
        sleep(pause).await;
    }
}

fn tell(folder: &Path, look: Look) -> Option<Msg> {
    match look {
        Look::Nothing => None,
        Look::Rates => rates(folder).map(Msg::Rates),
        Look::Traffic => traffic(folder).map(Msg::Traffic),
        Look::Subject { about, columns, ascii } => {
            let width = usize::from(columns).max(40);
            let style = Style { width, cut: true, ascii, verbose: false, clean: shopctl_tui::text::plain };
            told(folder, about, style).map(Msg::Spans)
        }
    }
}

fn rates(folder: &Path) -> Option<Vec<Rate>> {
    let rates = Reader::open(folder).ok()?.rates(WINDOW).ok()?.into_iter().map(|rate| Rate {
        resource: rate.resource,
        per_second: rate.per_second,
        requests: rate.requests,
        errors: rate.errors,
        p99: rate.durations.p99,
    });
    Some(rates.collect())
}

fn traffic(folder: &Path) -> Option<Vec<Call>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let since = now.as_secs().saturating_sub(MINUTE) / MINUTE * MINUTE;
    let reader = Reader::open(folder).ok()?;
    let (ever, lately) = (reader.edges(None).ok()?, reader.edges(Some(since * 1_000_000_000)).ok()?);
    let key = |edge: &Edge| (edge.from.clone(), edge.to.clone());
    let lately: BTreeMap<_, Edge> = lately.into_iter().filter(is_call).map(|edge| (key(&edge), edge)).collect();
    let window = (now - Duration::from_secs(since)).as_secs_f64();
    let call = |edge: Edge| {
        let lately = lately.get(&key(&edge));
        let rate = lately.map_or(0.0, |edge| rate(edge.count, window));
        Call { from: edge.from, to: edge.to, rate: Some(rate), errors: lately.map_or(0, |edge| edge.errors) }
    };
    Some(ever.into_iter().filter(is_call).map(call).collect())
}

fn is_call(edge: &Edge) -> bool {
    edge.hop == Hop::Call
}

#[expect(clippy::cast_precision_loss, reason = "a rate is no exact figure")]
fn rate(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

/// Its traces, oldest first, in the terminal's colours.
fn told(folder: &Path, about: Subject, style: Style) -> Option<Told> {
    let ids: Vec<String> = match about {
        Subject::Order(id) => {
            let found = Reader::open(folder).ok()?.traces_of(&Wanted::Order(id)).ok()?;
            found.iter().map(ToString::to_string).collect()
        }
        Subject::Trace(id) => vec![id.to_string()],
    };
    let spans = trace::read_spans(folder, &ids.iter().cloned().collect()).ok()?;
    let orders: BTreeSet<i64> = spans.iter().filter_map(Span::order).collect();
    let waterfalls = traces(spans).into_iter().map(|trace| text::waterfall(&trace, style));
    let lines = waterfalls.flat_map(|lines| lines.into_iter().map(|line| trace::paint(&line)).chain([String::new()]));
    Some(Told {
        about,
        lines: lines.collect(),
        traces: ids.iter().filter_map(|id| TraceId::parse(id)).collect(),
        orders: orders.into_iter().collect(),
    })
}
