//! Where something can be broken, and which word was meant.

use shopctl_core::Manifest;
use shopctl_scenario::points;

use super::word;
use crate::{
    args::{Global, fault::Kind},
    exit::{Exit, Failure},
    running,
};

/// Less alike than this is no slip of the finger.
const ALIKE: f64 = 0.8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Edge,
    Topic,
    Resource,
}

/// All places of a running instance.
pub(super) struct Places(Manifest);

impl Places {
    pub(super) fn of(global: &Global) -> anyhow::Result<Self> {
        let (_, manifest) = running::plan(&running::instance(global)?)?;
        Ok(Self(manifest))
    }

    /// As the supervisor calls it: also `order->product` is an edge.
    pub(super) fn name(&self, text: &str) -> String {
        text.replace("->", "/").replace(' ', "")
    }

    pub(super) fn find(&self, text: &str) -> Result<Place, Failure> {
        let name = self.name(text);
        if self.edges().contains(&name) {
            Ok(Place::Edge)
        } else if self.0.topics.contains_key(&name) {
            Ok(Place::Topic)
        } else if self.0.resources.contains_key(&name) {
            Ok(Place::Resource)
        } else {
            Err(self.unknown(text, &name))
        }
    }

    /// # Errors
    /// When there is no such resource.
    pub(super) fn resource(&self, name: &str) -> Result<(), Failure> {
        match self.0.resources.contains_key(name) {
            true => Ok(()),
            false => Err(running::no_resource(name, self.0.resources.keys())),
        }
    }

    /// A kind that cannot strike there.
    pub(super) fn mismatch(&self, on: &str, place: Place, kind: Kind) -> Failure {
        let (what, kinds) = match place {
            Place::Edge => ("an edge", "latency, reset, timeout, refuse"),
            Place::Topic => ("a topic", "duplicate, delay, reorder, drop, poison"),
            Place::Resource => ("a resource", "kill, pause, stop, restart"),
        };
        let message = format!("{on} is {what}: there is no {} for it", word(kind));
        let edges: Vec<String> = self.edges().into_iter().filter(|edge| edge.split('/').any(|end| end == on)).collect();
        let hint = match place {
            Place::Resource if !edges.is_empty() => format!("it takes {kinds}; its edges are {}", edges.join(", ")),
            Place::Resource | Place::Edge | Place::Topic => format!("it takes {kinds}"),
        };
        Failure::new(Exit::Usage, message).hint(hint)
    }

    fn edges(&self) -> Vec<String> {
        self.0.edges.iter().map(shopctl_core::manifest::Edge::name).collect()
    }

    fn unknown(&self, text: &str, name: &str) -> Failure {
        let (edges, topics) = (self.edges(), self.0.topics.keys().cloned());
        let known: Vec<String> =
            edges.iter().cloned().chain(topics.clone()).chain(self.0.resources.keys().cloned()).collect();
        let meant = meant(name, known.iter().map(String::as_str));
        let topics: Vec<String> = topics.collect();
        let hint = format!("edges: {}; topics: {}", edges.join(", "), topics.join(", "));
        Failure::new(Exit::Usage, format!("there is no edge, topic or resource {text}{meant}")).hint(hint)
    }
}

/// A point that the service never comes to is set in vain. A service that the shop does not ship may have any.
///
/// # Errors
/// When there is no such point.
pub(super) fn point(service: &str, point: &str) -> Result<(), Failure> {
    let known = points::of(service);
    if known.is_empty() || known.contains(&point) {
        return Ok(());
    }
    let message = format!("{service} has no point {point}{}", meant(point, known.iter().copied()));
    Err(Failure::new(Exit::Usage, message).hint(format!("its points: {}", known.join(", "))))
}

/// The likeliest of some words, if any is likely.
fn meant<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let nearest = known
        .map(|known| (strsim::jaro_winkler(word, known), known))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    nearest.map_or_else(String::new, |(_, nearest)| format!("; did you mean {nearest}?"))
}
