//! The spans of what is asked of the database.

use std::error::Error;
use std::future::Future;
use std::time::Instant;

use crate::telemetry::{self, Call, KeyValue, SpanKind, metrics};

/// Does `work`, one statement or one transaction of the database, in a span of the current trace. `summary` is its kind and
/// its tables, such as `INSERT orders`; what is asked for in it is not told.
pub async fn traced<T, E: Error + 'static>(
    summary: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    if !telemetry::is_exporting() {
        return work.await;
    }
    let asked = Asked::new(&tracing::Span::current(), summary);
    let result = work.await;
    asked.answered(result.as_ref().err().map(|error| error as &(dyn Error + 'static)));
    result
}

/// A statement or a transaction that is under way, for whoever can't put it into [`traced`].
pub struct Asked {
    call: Call,
    operation: &'static str,
    begun: Instant,
}

impl Asked {
    /// It is asked in `span`; `summary` is as in [`traced`].
    pub fn new(span: &tracing::Span, summary: &'static str) -> Self {
        let operation = summary.split(' ').next().unwrap_or(summary);
        let call = Call::begin_in(span, summary, SpanKind::Client, || {
            vec![
                KeyValue::new("db.system.name", "postgresql"),
                KeyValue::new("db.operation.name", operation),
                KeyValue::new("db.query.summary", summary),
            ]
        });
        Self { call, operation, begun: Instant::now() }
    }

    /// It has ended. An error counts if the database is to blame: if one of its is among the causes.
    pub fn answered(mut self, error: Option<&(dyn Error + 'static)>) {
        let error = error.and_then(refusal);
        let code = error.map(|error| {
            let code = error.as_database_error().and_then(|error| error.code());
            code.map_or_else(|| "unreachable".to_owned(), String::from)
        });
        if let (Some(code), Some(error)) = (&code, error) {
            self.call.failed(code, telemetry::chain(error));
        }
        metrics::asked_database(self.operation, code.as_deref(), self.begun.elapsed());
    }
}

/// The database's own part in an error.
fn refusal<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a sqlx::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        cause = error.source();
    }
    None
}
