//! What is wrong with a request, said as FastAPI and pydantic say it, since clients were written against those.

use serde::Serialize;
use serde_json::{Value, json};

/// One step on the way to the value that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Step {
    Name(&'static str),
    Index(usize),
}

/// One entry of `detail`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Issue {
    r#type: &'static str,
    loc: Vec<Step>,
    msg: String,
    input: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    ctx: Option<Value>,
}

/// What is wrong with a value, wherever it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    kind: &'static str,
    message: String,
    context: Option<Value>,
}

impl Problem {
    pub(super) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), context: None }
    }

    pub(super) fn with(self, context: Value) -> Self {
        Self { context: Some(context), ..self }
    }

    pub(super) fn missing() -> Self {
        Self::new("missing", "Field required")
    }

    /// For rules that pydantic has no word for.
    pub(super) fn custom(reason: &str) -> Self {
        Self::new("value_error", format!("Value error, {reason}")).with(json!({"error": {}}))
    }

    pub(super) fn at(self, location: &[Step], input: Value) -> Issue {
        let Self { kind, message, context } = self;
        Issue { r#type: kind, loc: location.to_vec(), msg: message, input, ctx: context }
    }

    #[cfg(test)]
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }
}
