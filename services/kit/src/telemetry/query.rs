//! The span and the measurement of what is asked of a database, whatever kind it is of.

use std::fmt::Display;
use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::{Call, export, metrics};

/// A question that is under way. Where nothing is exported it is nothing; in a trace that is not kept it is a measurement.
#[derive(Debug)]
#[must_use = "it ends with its answer"]
pub struct Query {
    call: Call,
    system: &'static str,
    operation: &'static str,
    begun: Option<Instant>,
}

/// What is asked, in the words of the conventions. What is asked for in it is not told.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The kind of database.
    pub system: &'static str,
    pub operation: &'static str,
    /// The table or the index; nothing if it is asked of none.
    pub target: &'a str,
    /// [`SpanKind::Internal`] if the database is a part of this process.
    pub kind: SpanKind,
}

impl Query {
    /// It is asked in `span`. `more` are its further attributes.
    pub fn begin(span: &tracing::Span, question: Question<'_>, more: impl FnOnce() -> Vec<KeyValue>) -> Self {
        let Question { system, operation, target, kind } = question;
        let call = Call::described(span, kind, || {
            let summary = if target.is_empty() { operation.to_owned() } else { format!("{operation} {target}") };
            let mut attributes = vec![
                KeyValue::new("db.system.name", system),
                KeyValue::new("db.operation.name", operation),
                KeyValue::new("db.query.summary", summary.clone()),
            ];
            attributes.extend(more());
            (summary.into(), attributes)
        });
        Self { call, system, operation, begun: export::get().map(|_| Instant::now()) }
    }

    /// Its span.
    pub fn call(&mut self) -> &mut Call {
        &mut self.call
    }

    /// It has ended; an error is one of the database's own: one of few words, and a message for people.
    pub fn answered(mut self, error: Option<(&str, &dyn Display)>) {
        let Some(begun) = self.begun else { return };
        if let Some((kind, message)) = error {
            self.call.failed(kind, message);
        }
        metrics::asked_database(self.system, self.operation, error.map(|(kind, _)| kind), begun.elapsed());
    }
}
