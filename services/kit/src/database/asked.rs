//! The spans of what is asked of PostgreSQL.

use std::error::Error;
use std::fmt::Display;
use std::future::Future;
use std::sync::OnceLock;

use sqlx::postgres::PgConnectOptions;

use crate::telemetry::{self, KeyValue, Query, Question, SpanKind};

/// What spans tell of the service's database: it has but one.
static SERVER: OnceLock<Vec<KeyValue>> = OnceLock::new();

/// Has spans tell where the database is.
pub(super) fn note(options: &PgConnectOptions) {
    let mut told = vec![
        KeyValue::new("server.address", options.get_host().to_owned()),
        KeyValue::new("server.port", i64::from(options.get_port())),
    ];
    told.extend(options.get_database().map(|name| KeyValue::new("db.namespace", name.to_owned())));
    // Of the second one, in a test's process, nothing is told.
    let _ = SERVER.set(told);
}

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
pub struct Asked(Query);

impl Asked {
    /// It is asked in `span`; `summary` is as in [`traced`].
    pub fn new(span: &tracing::Span, summary: &'static str) -> Self {
        let (operation, target) = summary.split_once(' ').unwrap_or((summary, ""));
        let question = Question { system: "postgresql", operation, target, kind: SpanKind::Client };
        Self(Query::begin(span, question, || SERVER.get().cloned().unwrap_or_default()))
    }

    /// It has ended. An error counts if the database is to blame: if one of its is among the causes.
    pub fn answered(self, error: Option<&(dyn Error + 'static)>) {
        let told = error.and_then(refusal).map(|error| {
            let code = error.as_database_error().and_then(|error| error.code());
            (code.map_or_else(|| "unreachable".to_owned(), String::from), telemetry::chain(error))
        });
        self.0.answered(told.as_ref().map(|(code, message)| (code.as_str(), message as &dyn Display)));
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
