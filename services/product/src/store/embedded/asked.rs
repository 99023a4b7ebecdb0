//! The spans of what is asked of the file and of the index. Both are parts of this process, so these are no calls of somebody
//! else. Neither kind of database is among the conventions' names.

use std::fmt::Display;

use kit::telemetry::{self, KeyValue, Query, Question, SpanKind};
use tracing::Span;

/// One of the folder's two databases.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    File,
    Index,
}

/// Does `work`, the operation `operation` on a table, in a span of the current trace. `size` is how many documents it is
/// asked for at once, if that is no single one.
pub(super) async fn asked<T, E: Display>(
    part: Part,
    (operation, table): (&'static str, &'static str),
    size: Option<usize>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    if !telemetry::is_exporting() {
        return work.await;
    }
    let system = match part {
        Part::File => "redb",
        Part::Index => "tantivy",
    };
    let question = Question { system, operation, target: table, kind: SpanKind::Internal };
    let query = Query::begin(&Span::current(), question, || {
        let size = size.and_then(|size| i64::try_from(size).ok());
        let size = size.map(|size| KeyValue::new("db.operation.batch.size", size));
        [KeyValue::new("db.collection.name", table)].into_iter().chain(size).collect()
    });
    let result = work.await;
    query.answered(result.as_ref().err().map(|error| ("unavailable", error as &dyn Display)));
    result
}
