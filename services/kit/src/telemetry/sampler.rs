//! Which traces are kept.
//!
//! A trace is kept whole or not at all: whoever begins it decides, the decision travels in the flags of `traceparent`, also
//! through outboxes and topics, and everyone else keeps to it. Up to [`KEPT`] traces a second are all kept, so that whoever
//! tries one thing at a time sees each of them. Above that rate those are kept whose ids are below a threshold, which falls
//! as the rate rises: about as many stay, and a shop under full load pays for these only. The hash is the half of the id
//! that is random by the standard, so that all who thin out by it thin out the same traces.
//!
//! What is not kept is still recorded, as it always was for the ids in logs and events: [`super::keeper`] has a use for it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

/// Traces that a process begins in a second and keeps whatever their ids.
pub(super) const KEPT: u32 = 50;

/// Goes by the parent's decision, and else by the rate.
#[derive(Debug, Clone)]
pub(super) struct Sampler(std::sync::Arc<Limit>);

impl Sampler {
    pub(super) fn new() -> Self {
        Self(std::sync::Arc::new(Limit::new()))
    }
}

impl ShouldSample for Sampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let parent = parent.map(|context| context.span().span_context().clone()).filter(SpanContext::is_valid);
        let kept = match &parent {
            Some(parent) => parent.is_sampled(),
            None => self.0.keeps(trace),
        };
        SamplingResult {
            decision: if kept { SamplingDecision::RecordAndSample } else { SamplingDecision::RecordOnly },
            attributes: Vec::new(),
            trace_state: parent.map_or_else(TraceState::default, |parent| parent.trace_state().clone()),
        }
    }
}

/// [`KEPT`] a second, and above that rate a share of about as many.
#[derive(Debug)]
pub(super) struct Limit {
    begun: Instant,
    window: Mutex<Window>,
}

impl Limit {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), window: Mutex::default() }
    }

    pub(super) fn keeps(&self, trace: TraceId) -> bool {
        let second = self.begun.elapsed().as_secs();
        self.window.lock().unwrap_or_else(PoisonError::into_inner).keeps(second, trace)
    }
}

/// How many came within the second that runs, and within the one before it.
#[derive(Debug, Default)]
struct Window {
    second: u64,
    now: u32,
    before: u32,
}

impl Window {
    fn keeps(&mut self, second: u64, trace: TraceId) -> bool {
        if second != self.second {
            self.before = if second == self.second + 1 { self.now } else { 0 };
            (self.second, self.now) = (second, 0);
        }
        self.now = self.now.saturating_add(1);
        let rate = self.before.max(self.now);
        // The id's share of all ids is below KEPT / rate.
        rate <= KEPT || u128::from(random_half(trace)) * u128::from(rate) < u128::from(KEPT) << 64
    }
}

fn random_half(trace: TraceId) -> u64 {
    let mut half = [0; 8];
    half.copy_from_slice(&trace.to_bytes()[8..]);
    u64::from_be_bytes(half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

    /// How many of `rate` traces a second are kept in each of `seconds`.
    fn kept(window: &mut Window, seconds: std::ops::Range<u64>, rate: usize) -> Vec<usize> {
        let ids = RandomIdGenerator::default();
        seconds.map(|second| (0..rate).filter(|_| window.keeps(second, ids.new_trace_id())).count()).collect()
    }

    #[test]
    fn whoever_does_one_thing_at_a_time_sees_every_trace() {
        let mut window = Window::default();
        assert_eq!(kept(&mut window, 0..3, KEPT as usize), [KEPT as usize; 3]);
        assert_eq!(kept(&mut window, 100..101, 7), [7], "after a pause, too");
    }

    #[test]
    fn above_the_rate_about_as_many_are_kept_however_many_there_are() {
        for rate in [200, 2_000, 20_000] {
            let mut window = Window::default();
            let steady = &kept(&mut window, 0..11, rate)[1..];
            let mean = steady.iter().sum::<usize>() / steady.len();
            assert!((KEPT as usize * 2 / 3..=KEPT as usize * 4 / 3).contains(&mean), "{mean} of {rate}");
            assert!(steady.iter().all(|kept| *kept < 2 * KEPT as usize), "{steady:?}");
        }
    }

    #[test]
    fn a_burst_out_of_nothing_is_thinned_out_as_it_comes() {
        let burst = kept(&mut Window::default(), 0..1, 100_000)[0];
        assert!((KEPT as usize..KEPT as usize * 16).contains(&burst), "{burst}");
    }

    #[test]
    fn of_two_that_thin_out_the_stricter_keeps_nothing_that_the_other_drops() {
        let ids = RandomIdGenerator::default();
        let (mut mild, mut strict) = (Window::default(), Window::default());
        (mild.before, strict.before) = (1_000, 2_000);
        for _ in 0..900 {
            let trace = ids.new_trace_id();
            let (mild, strict) = (mild.keeps(0, trace), strict.keeps(0, trace));
            assert!(mild || !strict);
        }
    }
}
