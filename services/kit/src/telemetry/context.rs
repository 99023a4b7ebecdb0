//! Which trace a span belongs to, and how that is written down and read.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

use super::is_exporting;

/// The header, metadata key and Kafka header of the trace context.
pub const TRACEPARENT: &str = "traceparent";

/// The metadata key under which order tells payment in which trace an order was made.
pub const ORIGIN: &str = "shop-order-trace";

/// Whether the current span belongs to a trace that is kept: only then is anything worth keeping that is for traces alone.
pub fn is_kept() -> bool {
    is_exporting() && Span::current().context().span().span_context().is_sampled()
}

/// The current span as a `traceparent`; `None` outside of a trace.
pub fn traceparent() -> Option<String> {
    written(Span::current().context().span().span_context())
}

pub(super) fn written(context: &SpanContext) -> Option<String> {
    let sampled = u8::from(context.is_sampled());
    context.is_valid().then(|| format!("00-{}-{}-{sampled:02x}", context.trace_id(), context.span_id()))
}

/// What a `traceparent` says; a root's context if it can't be understood.
pub(super) fn context(traceparent: &str) -> Context {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
}

/// Makes a span that has not been entered yet part of the trace that `traceparent` names, if it can be understood.
pub fn set_parent(span: &Span, traceparent: &str) {
    let context = context(traceparent);
    if context.span().span_context().is_valid() && span.set_parent(context).is_err() {
        tracing::debug!("a span had begun before it got its parent");
    }
}

/// Lets the current span go on with what a `traceparent` names that was written down earlier, unless its caller has put it
/// into a trace already: then it is linked to it. For the handlers of routes that [`crate::http::Settings::joining`] names.
pub fn join(traceparent: Option<&str>) {
    let (span, context) = (Span::current(), traceparent.map(context).unwrap_or_default());
    match span.set_parent(context.clone()) {
        Ok(()) => record_trace_id(&span),
        Err(_) if is_exporting() => link_foreign(&span, &context),
        Err(_) => {}
    }
}

/// Links `span` to what a `traceparent` names, as what it has to do with though it is not its parent, or not only.
pub fn link(span: &Span, traceparent: &str) {
    if is_exporting() {
        span.add_link(context(traceparent).span().span_context().clone());
    }
}

/// Within one trace there is a way already.
fn link_foreign(span: &Span, context: &Context) {
    let other = context.span().span_context().clone();
    if other.trace_id() != span.context().span().span_context().trace_id() {
        span.add_link(other);
    }
}

/// Whether two `traceparent`s name the same trace.
pub fn same_trace(one: &str, other: &str) -> bool {
    context(one).span().span_context().trace_id() == context(other).span().span_context().trace_id()
}

/// Does `work` in a trace of its own that nobody keeps.
pub async fn untraced<T>(work: impl Future<Output = T>) -> T {
    if !is_exporting() {
        return work.await;
    }
    let span = tracing::info_span!(parent: None, "untraced");
    let (trace, id) = (Uuid::new_v4().as_u128(), Uuid::new_v4().as_u128() as u64);
    set_parent(&span, &format!("00-{trace:032x}-{id:016x}-00"));
    work.instrument(span).await
}

/// Fills the field `trace_id` of a span that begins this service's part of a trace, for whoever reads its logs.
pub fn record_trace_id(span: &Span) {
    let context = span.context();
    let trace = context.span().span_context().trace_id();
    if trace != opentelemetry::TraceId::INVALID {
        span.record("trace_id", tracing::field::display(trace));
    }
}
