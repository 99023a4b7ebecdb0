//! What is kept of traces that are not: single spans that failed or were slow.

use std::time::Duration;

use opentelemetry::trace::{SpanContext, Status};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::conventions;
use super::sampler::Limit;

/// A span that took so long is worth a look.
const SLOW: Duration = Duration::from_secs(1);

/// Passes on what was sampled, and of the rest what failed or was slow, as long as there is not too much of it. It comes
/// without its trace, and says so: `shop.kept` tells why it is there.
#[derive(Debug)]
pub(super) struct Keeper<P> {
    next: P,
    limit: Limit,
}

impl<P> Keeper<P> {
    pub(super) fn new(next: P) -> Self {
        Self { next, limit: Limit::new() }
    }
}

fn reason(span: &SpanData) -> Option<&'static str> {
    match (&span.status, span.end_time.duration_since(span.start_time)) {
        (Status::Error { .. }, _) => Some("error"),
        (Status::Unset | Status::Ok, Ok(took)) if took >= SLOW => Some("slow"),
        (Status::Unset | Status::Ok, _) => None,
    }
}

impl<P: SpanProcessor> SpanProcessor for Keeper<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.next.on_start(span, context);
    }

    fn on_end(&self, mut span: SpanData) {
        let context = &span.span_context;
        if !context.is_sampled() {
            let Some(reason) = reason(&span).filter(|_| self.limit.keeps(context.trace_id())) else { return };
            let flags = context.trace_flags().with_sampled(true);
            span.span_context =
                SpanContext::new(context.trace_id(), context.span_id(), flags, false, context.trace_state().clone());
            span.attributes.push(KeyValue::new("shop.kept", reason));
        }
        conventions::apply(&mut span);
        self.next.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}
