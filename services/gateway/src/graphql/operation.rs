//! What a trace tells of a query: its kind and its name, or, where it has none, the fields it begins with.

use async_graphql::Response;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, Selection};
use kit::telemetry;
use tracing::Span;

/// Bytes of a name: clients choose it.
const NAME: usize = 64;
/// Fields that are told.
const FIELDS: usize = 5;

/// Tells the current span of the operation that is asked for.
pub(super) fn tell(document: &ExecutableDocument, asked: Option<&str>) {
    let (name, operation) = match &document.operations {
        DocumentOperations::Single(operation) => (asked, &operation.node),
        DocumentOperations::Multiple(operations) => {
            // One that is alone need not be asked for by its name.
            let is_asked = |name: &str| asked.map_or(operations.len() == 1, |asked| asked == name);
            let Some((name, operation)) = operations.iter().find(|(name, _)| is_asked(name)) else {
                return;
            };
            (Some(name.as_str()), &operation.node)
        }
    };
    let kind = operation.ty.to_string();
    let span = Span::current();
    // Over HTTP the span is the request's, which has a name of its own.
    if span.has_field("operation") {
        span.record("operation", &kind);
        telemetry::rename(&span, kind.clone());
    }
    if !telemetry::is_exporting() {
        return;
    }
    telemetry::attribute("graphql.operation.type", kind);
    if let Some(name) = name {
        telemetry::attribute("graphql.operation.name", name[..name.floor_char_boundary(NAME)].to_owned());
    }
    telemetry::attribute("shop.graphql.fields", fields(operation).collect::<Vec<_>>().join(" "));
}

fn fields(operation: &OperationDefinition) -> impl Iterator<Item = &str> {
    let selected = operation.selection_set.node.items.iter().filter_map(|selection| match &selection.node {
        Selection::Field(field) => Some(field.node.name.node.as_str()),
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
    });
    selected.take(FIELDS).map(|name| &name[..name.floor_char_boundary(NAME)])
}

/// Tells the current span if the shop, and not the caller, is to blame for an error.
pub(crate) fn answered(response: &Response) {
    if !telemetry::is_exporting() {
        return;
    }
    for error in &response.errors {
        let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
        if let Some(async_graphql::Value::String(code)) = code
            && matches!(code.as_str(), "INTERNAL" | "UNKNOWN" | "UNAVAILABLE" | "DEADLINE_EXCEEDED" | "DATA_LOSS")
        {
            telemetry::failed(code, &error.message);
        }
    }
}
