use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shopctl_protocol::{self as protocol, FaultKind};

use super::{Placed, Scenario, Share, Span, Step, point::AtPoint};

/// What is done to a resource of the shop, to an edge between two (`order/product`), to a topic, or at a named point of a
/// service's code. When a scenario is over, whoever it has paused goes on, whoever it has stopped is started, edges and
/// topics are whole, nothing happens at any point, and all are ready again before the next one. Edges and topics can be
/// broken in a shop that was booted with `--faults`; there are points in one that was booted with `--failpoints`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// SIGKILL; the supervisor starts it again. Over once it is dead.
    Kill(String),
    /// Over once it is stopped; it stays so.
    Stop(String),
    /// Over once it is ready.
    Start(String),
    /// Over once it is ready again.
    Restart(String),
    /// SIGSTOP: it is there and does nothing.
    Pause(String),
    /// It goes on after a pause.
    Resume(String),
    /// What is sent over an edge arrives later.
    Latency(Slow),
    /// A connection over an edge is reset once something is sent on it, either way.
    Reset(Struck),
    /// An edge is a black hole: what is sent over it goes nowhere. It arrives once that is over.
    Timeout(Struck),
    /// Nobody listens at the far end of an edge, and connections that there are end.
    Refuse(Refused),
    /// What is published to a topic stands there twice.
    Duplicate(Struck),
    /// What is published to a topic arrives later.
    Delay(Slow),
    /// What is published to a topic at about the same time arrives in another order, but never within a key.
    Reorder(Reordered),
    /// What is published to a topic is refused, and has to be published again.
    Drop(Struck),
    /// Behind what is published to a topic there are records that are no events, with the key `poison`.
    Poison(Struck),
    /// Something happens at a named point of a service's code: it dies there, waits or panics.
    Point(AtPoint),
    /// An edge or a topic is whole again; a resource goes on after a pause, and nothing happens at its points any more.
    Clear(String),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// An edge such as `order/product`, for latency; a topic such as `order_events`, for delay.
    pub on: String,
    pub delay: Span,
    /// So much more or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Span>,
    /// Strikes only so many, drawn by the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Share>,
    /// Over by itself after this time.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Span>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Struck {
    /// An edge such as `order/product`, or a topic such as `order_events`.
    pub on: String,
    /// Strikes only so many, drawn by the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Share>,
    /// Over by itself after this time.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Span>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// An edge such as `order/product`.
    pub on: String,
    /// Over by itself after this time.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Span>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reordered {
    /// A topic such as `order_events`.
    pub on: String,
    /// So late, at most, is what others overtake.
    pub within: Span,
    /// Strikes only so many, drawn by the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Share>,
    /// Over by itself after this time.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Span>,
}

impl Fault {
    /// What it is done to.
    #[must_use]
    pub fn on(&self) -> &str {
        match self {
            Self::Kill(name)
            | Self::Stop(name)
            | Self::Start(name)
            | Self::Restart(name)
            | Self::Pause(name)
            | Self::Resume(name)
            | Self::Clear(name) => name,
            Self::Latency(slow) | Self::Delay(slow) => &slow.on,
            Self::Reset(struck)
            | Self::Timeout(struck)
            | Self::Duplicate(struck)
            | Self::Drop(struck)
            | Self::Poison(struck) => &struck.on,
            Self::Refuse(refused) => &refused.on,
            Self::Reorder(reordered) => &reordered.on,
            Self::Point(point) => &point.on,
        }
    }

    /// What is done, in one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Kill(_) => "kill",
            Self::Stop(_) => "stop",
            Self::Start(_) => "start",
            Self::Restart(_) => "restart",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Point(_) => "point",
            Self::Clear(_) => "clear",
            Self::Latency(_)
            | Self::Reset(_)
            | Self::Timeout(_)
            | Self::Refuse(_)
            | Self::Duplicate(_)
            | Self::Delay(_)
            | Self::Reorder(_)
            | Self::Drop(_)
            | Self::Poison(_) => self.between(0).map_or("", |fault| fault.kind.word()),
        }
    }

    /// The same as the supervisor is told it, if it is an edge's or a topic's.
    pub(crate) fn between(&self, seed: u64) -> Option<protocol::Fault> {
        let seconds = |span: Span| span.0.as_secs_f64();
        let slow = |slow: &Slow| (seconds(slow.delay), slow.jitter.map_or(0.0, seconds));
        let (kind, rate, time) = match self {
            Self::Kill(_)
            | Self::Stop(_)
            | Self::Start(_)
            | Self::Restart(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Point(_)
            | Self::Clear(_) => return None,
            Self::Latency(it) => {
                let (delay, jitter) = slow(it);
                (FaultKind::Latency { delay, jitter }, it.rate, it.time)
            }
            Self::Delay(it) => {
                let (delay, jitter) = slow(it);
                (FaultKind::Delay { delay, jitter }, it.rate, it.time)
            }
            Self::Reorder(it) => (FaultKind::Reorder { within: seconds(it.within) }, it.rate, it.time),
            Self::Reset(it) => (FaultKind::Reset, it.rate, it.time),
            Self::Timeout(it) => (FaultKind::Timeout, it.rate, it.time),
            Self::Refuse(it) => (FaultKind::Refuse, None, it.time),
            Self::Duplicate(it) => (FaultKind::Duplicate, it.rate, it.time),
            Self::Drop(it) => (FaultKind::Drop, it.rate, it.time),
            Self::Poison(it) => (FaultKind::Poison, it.rate, it.time),
        };
        let Share(rate) = rate.unwrap_or(Share::ALL);
        Some(protocol::Fault { on: self.on().to_owned(), kind, rate, seed, left: time.map(seconds) })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Point(point) => write!(f, "{} {} {point}", self.word(), self.on()),
            _ => write!(f, "{} {}", self.word(), self.on()),
        }
    }
}

impl Scenario {
    /// Whether it breaks an edge or a topic, which takes a shop that was booted with `--faults`.
    #[must_use]
    pub fn breaks_edges(&self) -> bool {
        self.breaks(&|fault| fault.between(0).is_some())
    }

    /// Whether it has something happen at a point of a service's code, which takes a shop that was booted with
    /// `--failpoints`.
    #[must_use]
    pub fn strikes_at_points(&self) -> bool {
        self.breaks(&|fault| matches!(fault, Fault::Point(_)))
    }

    /// Whether it breaks anything.
    #[must_use]
    pub fn breaks_anything(&self) -> bool {
        self.breaks(&|_| true)
    }

    /// Whether it has such a fault, at any time.
    pub(crate) fn breaks(&self, is_it: &dyn Fn(&Fault) -> bool) -> bool {
        fn any(steps: &[Placed<Step>], is_it: &dyn Fn(&Fault) -> bool) -> bool {
            steps.iter().any(|step| match &step.it {
                Step::Fault(fault) => is_it(fault),
                Step::Parallel(branches) => branches.iter().any(|branch| any(branch, is_it)),
                Step::Repeat(repeat) => any(&repeat.steps, is_it),
                _ => false,
            })
        }
        self.faults.iter().any(|fault| is_it(fault)) || any(&self.steps, is_it)
    }
}
