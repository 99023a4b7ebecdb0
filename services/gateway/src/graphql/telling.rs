//! The spans of what goes over a websocket: of each operation up to its first answer, in the trace that its client names, and
//! of each event that a subscriber is told, in the trace of the event.

use std::any::TypeId;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use async_graphql::futures_util::stream::BoxStream;
use async_graphql::{Data, Request, Response, Value};
use futures::Stream;
use kit::http::milliseconds;
use kit::telemetry::{self, TRACEPARENT};
use tracing::{Instrument, Span, field};

use super::operation;

/// The `traceparent` in the payload of `connection_init`: what all operations of a websocket go on with that name none.
pub(crate) struct Origin(pub(crate) String);

/// The span in which the subscriber is told what comes next, if that is an event.
#[derive(Clone, Default)]
pub(super) struct Telling(Arc<Mutex<Option<Span>>>);

impl Telling {
    pub(super) fn begin(&self, span: Option<Span>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = span;
    }

    fn take(&self) -> Option<Span> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Answers to events are made in the events' spans.
pub(super) struct Tellings;

impl ExtensionFactory for Tellings {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Tellings {
    async fn execute(&self, ctx: &ExtensionContext<'_>, name: Option<&str>, next: NextExecute<'_>) -> Response {
        match ctx.data_opt::<Telling>().and_then(Telling::take) {
            Some(span) => {
                let response = next.run(ctx, name).instrument(span.clone()).await;
                span.in_scope(|| operation::answered(&response));
                response
            }
            None => next.run(ctx, name).await,
        }
    }
}

/// The span of an operation on a websocket that has just come.
pub(super) fn begin(request: &Request, session: Option<&Data>) -> Span {
    let span = tracing::info_span!(
        "graphql",
        operation = field::Empty,
        trace_id = field::Empty,
        otel.name = "graphql",
        otel.kind = "server"
    );
    let own = match request.extensions.get(TRACEPARENT) {
        Some(Value::String(traceparent)) => Some(traceparent.as_str()),
        Some(_) | None => None,
    };
    let origin = session.and_then(|session| session.get(&TypeId::of::<Origin>()));
    let origin = origin.and_then(|origin| (**origin).downcast_ref::<Origin>());
    if let Some(traceparent) = own.or(origin.map(|Origin(traceparent)| traceparent.as_str())) {
        telemetry::set_parent(&span, traceparent);
    }
    telemetry::record_trace_id(&span);
    span
}

/// An operation's answers, the first of them in its span, which ends with it: a subscription may last for days.
pub(super) struct Answers {
    answers: BoxStream<'static, Response>,
    first: Option<(Span, Instant)>,
}

impl Answers {
    pub(super) fn new(answers: BoxStream<'static, Response>, span: Span) -> Self {
        Self { answers, first: Some((span, Instant::now())) }
    }
}

impl Stream for Answers {
    type Item = Response;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Response>> {
        let Self { answers, first } = &mut *self;
        let Some((span, begun)) = first else { return answers.as_mut().poll_next(context) };
        let entered = span.enter();
        let answer = answers.as_mut().poll_next(context);
        if let Poll::Ready(answer) = &answer {
            if let Some(response) = answer {
                operation::answered(response);
            }
            tracing::info!(ms = milliseconds(begun.elapsed()), "answered");
            drop(entered);
            *first = None;
        }
        answer
    }
}
