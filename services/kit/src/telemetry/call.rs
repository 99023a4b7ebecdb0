//! The spans of what a service asks of others: another service, its database, the broker.
//!
//! They are begun beside tracing, not through it: nothing is logged inside of them, they are nobody's current span but their
//! callee's parent, and outside of a trace that is kept they cost one look.

use std::borrow::Cow;
use std::fmt::Display;

use opentelemetry::trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::context::{context, written};
use super::export;

/// One such span, from its making to its end; nothing where the trace is not kept.
#[derive(Debug, Default)]
#[must_use = "it ends when it is dropped"]
pub struct Call(Option<Span>);

impl Call {
    /// A call made in the current span.
    pub fn begin(
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Self {
        Self::begin_in(&tracing::Span::current(), name, kind, attributes)
    }

    /// A call made in `span`.
    pub fn begin_in(
        span: &tracing::Span,
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Self {
        Self::described(span, kind, || (name.into(), attributes()))
    }

    /// The same, for one whose name is made only if it is kept.
    pub(super) fn described(
        span: &tracing::Span,
        kind: SpanKind,
        describe: impl FnOnce() -> (Cow<'static, str>, Vec<KeyValue>),
    ) -> Self {
        if export::get().is_none() {
            return Self::default();
        }
        Self::under(&span.context(), kind, describe)
    }

    /// A call that belongs to where a `traceparent` was written down.
    pub fn begin_after(
        traceparent: Option<&str>,
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Self {
        match (export::get(), traceparent) {
            (Some(_), Some(traceparent)) => Self::under(&context(traceparent), kind, || (name.into(), attributes())),
            (None, _) | (_, None) => Self::default(),
        }
    }

    fn under(parent: &Context, kind: SpanKind, describe: impl FnOnce() -> (Cow<'static, str>, Vec<KeyValue>)) -> Self {
        let Some(export) = export::get().filter(|_| parent.span().span_context().is_sampled()) else {
            return Self::default();
        };
        let (name, attributes) = describe();
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes);
        Self(Some(export.tracer.build_with_context(builder, parent)))
    }

    /// What the callee goes on with; `None` where this is no span: then it is the current one's.
    pub fn traceparent(&self) -> Option<String> {
        self.0.as_ref().and_then(|span| written(span.span_context()))
    }

    /// Adds an attribute.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// It came to nothing; `kind` is one of few words, `message` for people.
    pub fn failed(&mut self, kind: &str, message: impl Display) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new("error.type", kind.to_owned()));
            span.set_status(Status::error(message.to_string()));
        }
    }

    /// Whether it is a span that somebody will see.
    pub fn is_kept(&self) -> bool {
        self.0.is_some()
    }
}
