//! What is broken at the moment, and the dice that decide whom it strikes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use shopctl_protocol::{Fault, FaultKind};

/// All that is broken. Cheap to take along.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    revision: u64,
    all: Arc<[(Fault, Arc<Active>)]>,
}

/// A fault in force.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) kind: FaultKind,
    rate: f64,
    dice: Mutex<StdRng>,
}

/// What becomes of something that is sent over an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It arrives so much later.
    After(Duration),
    /// It arrives once the edge is no black hole any more.
    Held,
    /// The connection ends.
    Reset,
}

/// Which way something is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From who calls.
    There,
    /// To who calls.
    Back,
}

impl Rules {
    /// The faults of `order`, if that is no older than what is known. What goes on does so with the same dice.
    #[must_use]
    pub(crate) fn following(&self, revision: u64, faults: Vec<Fault>) -> Option<Self> {
        if revision < self.revision {
            return None;
        }
        let known = |fault: &Fault| self.all.iter().find(|(old, _)| old == fault).map(|(_, active)| active.clone());
        let all = faults.into_iter().map(|fault| {
            // How much is left of its time concerns who clears it.
            let fault = Fault { left: None, ..fault };
            let active = known(&fault).unwrap_or_else(|| Arc::new(Active::new(&fault)));
            (fault, active)
        });
        Some(Self { revision, all: all.collect() })
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// What is broken on an edge or a topic.
    pub(crate) fn on(&self, name: &str) -> impl Iterator<Item = &Active> {
        self.all.iter().filter(move |(fault, _)| fault.on == name).map(|(_, active)| &**active)
    }

    /// Whether nobody listens there.
    pub(crate) fn is_refused(&self, edge: &str) -> bool {
        self.on(edge).any(|active| active.kind == FaultKind::Refuse)
    }

    /// Whether it is a black hole, for some at least.
    pub(crate) fn is_black_hole(&self, edge: &str) -> bool {
        self.on(edge).any(|active| active.kind == FaultKind::Timeout)
    }

    /// What becomes of what is sent over an edge now.
    pub(crate) fn passage(&self, edge: &str, way: Way) -> Passage {
        let mut late = Duration::ZERO;
        let mut held = false;
        for active in self.on(edge) {
            match (active.kind, way) {
                (FaultKind::Refuse, _) => return Passage::Reset,
                (FaultKind::Reset, _) if active.strikes() => return Passage::Reset,
                // Where each call is lost, so are answers to earlier ones.
                (FaultKind::Timeout, Way::Back) => held |= active.rate >= 1.0,
                (FaultKind::Timeout, Way::There) => held |= active.strikes(),
                (FaultKind::Latency { delay, jitter }, Way::There) if active.strikes() => {
                    late += active.around(delay, jitter);
                }
                _ => {}
            }
        }
        if held { Passage::Held } else { Passage::After(late) }
    }
}

impl Active {
    fn new(fault: &Fault) -> Self {
        Self { kind: fault.kind, rate: fault.rate, dice: Mutex::new(StdRng::seed_from_u64(fault.seed)) }
    }

    /// Decides about the next one.
    pub(crate) fn strikes(&self) -> bool {
        self.rate >= 1.0 || self.with_dice(|dice| dice.random_bool(self.rate))
    }

    /// A time around `delay`, in seconds, and never below nothing.
    pub(crate) fn around(&self, delay: f64, jitter: f64) -> Duration {
        let off = if jitter > 0.0 { self.with_dice(|dice| dice.random_range(-jitter..=jitter)) } else { 0.0 };
        Duration::try_from_secs_f64(delay + off).unwrap_or_default()
    }

    pub(crate) fn with_dice<T>(&self, roll: impl FnOnce(&mut StdRng) -> T) -> T {
        roll(&mut self.dice.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: FaultKind, rate: f64, seed: u64) -> Fault {
        Fault { on: "a/b".to_owned(), kind, rate, seed, left: None }
    }

    fn passages(rules: &Rules) -> Vec<Passage> {
        (0..50).map(|_| rules.passage("a/b", Way::There)).collect()
    }

    fn rules(fault: Fault) -> Rules {
        Rules::default().following(1, vec![fault]).expect("it is newer")
    }

    #[test]
    fn a_seed_always_strikes_the_same() {
        let latency = FaultKind::Latency { delay: 0.2, jitter: 0.1 };
        let drawn = |seed| passages(&rules(fault(latency, 0.5, seed)));
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        let struck = drawn(7).into_iter().filter(|passage| *passage != Passage::After(Duration::ZERO)).count();
        assert!((10..40).contains(&struck), "{struck}");
    }

    #[test]
    fn what_goes_on_keeps_its_dice_and_an_old_order_changes_nothing() {
        let reset = fault(FaultKind::Reset, 0.5, 7);
        let (first, whole) = (rules(reset.clone()), rules(reset.clone()));
        let mut drawn = passages(&first);
        let other = Fault { on: "a/c".to_owned(), ..fault(FaultKind::Timeout, 1.0, 1) };
        let second = first.following(2, vec![other, Fault { left: Some(3.0), ..reset }]).expect("it is newer");
        drawn.extend(passages(&second));
        assert_eq!(drawn, [passages(&whole), passages(&whole)].concat());
        assert!(second.following(1, Vec::new()).is_none());
        assert!(second.is_black_hole("a/c") && !second.is_black_hole("a/b"));
    }
}
