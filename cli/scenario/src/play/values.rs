//! What is known by name while a story is played, and the texts it stands in.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Play, guard};
use crate::report::Failure;

/// Values by name.
#[derive(Debug, Default)]
pub(super) struct Values(Map<String, Value>);

impl Values {
    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Sets a field of a value that is there.
    pub(super) fn set_field(&mut self, name: &str, field: &str, value: Value) {
        if let Some(Value::Object(fields)) = self.0.get_mut(name) {
            fields.insert(field.to_owned(), value);
        }
    }

    /// `ann.token`, `rows.0.id`.
    fn at(&self, path: &str) -> Option<&Value> {
        let mut parts = path.split('.');
        let first = self.0.get(parts.next()?)?;
        parts.try_fold(first, |value, part| match value {
            Value::Array(all) => all.get(part.parse::<usize>().ok()?),
            other => other.get(part),
        })
    }
}

/// Where in the story a step is.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    round: Option<u32>,
    path: String,
}

impl Scope {
    pub(super) fn within(&self, name: &str) -> Self {
        Self { path: format!("{}{name}: ", self.path), ..self.clone() }
    }

    pub(super) fn round(&self, round: u32) -> Self {
        Self { round: Some(round), path: format!("{}round {round}: ", self.path) }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

impl Play<'_> {
    /// The same with every `${…}` in its texts filled in. A text that is nothing else becomes the value itself, be it a
    /// number or a list.
    pub(super) fn rendered<T: Serialize + DeserializeOwned>(&self, step: &T, scope: &Scope) -> Result<T, Failure> {
        let failed = |error: serde_json::Error| Failure::new("values that fit where they stand", error);
        let value = self.fill(serde_json::to_value(step).map_err(failed)?, scope)?;
        serde_json::from_value(value).map_err(failed)
    }

    fn fill(&self, value: Value, scope: &Scope) -> Result<Value, Failure> {
        Ok(match value {
            Value::String(text) => self.filled(&text, scope)?,
            Value::Array(all) => all.into_iter().map(|one| self.fill(one, scope)).collect::<Result<_, _>>()?,
            Value::Object(fields) => {
                let filled = fields.into_iter().map(|(field, value)| Ok((field, self.fill(value, scope)?)));
                Value::Object(filled.collect::<Result<_, Failure>>()?)
            }
            other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
        })
    }

    fn filled(&self, text: &str, scope: &Scope) -> Result<Value, Failure> {
        let whole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        if let Some(path) = whole.filter(|path| !path.contains('}')) {
            return self.look_up(path, scope);
        }
        let mut parts = text.split("${");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (path, rest) = part.split_once('}').ok_or_else(|| Failure::new("a } after each ${", text))?;
            match self.look_up(path, scope)? {
                Value::String(value) => filled.push_str(&value),
                other => filled.push_str(&other.to_string()),
            }
            filled.push_str(rest);
        }
        Ok(Value::String(filled))
    }

    fn look_up(&self, path: &str, scope: &Scope) -> Result<Value, Failure> {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        match path {
            "seed" => Ok(self.seed.into()),
            "run" => Ok(self.run.clone().into()),
            "now" => Ok(now().into()),
            "round" => Ok(scope.round.into()),
            path => {
                let values = guard(&self.values);
                let found = values.at(path).cloned();
                let known = || values.0.keys().cloned().collect::<Vec<_>>().join(", ");
                found.ok_or_else(|| {
                    Failure::new(format_args!("a value ${{{path}}}"), format_args!("there is {}", known()))
                })
            }
        }
    }

    /// A field of a value that an earlier step has kept.
    pub(super) fn field(&self, name: &str, field: &str) -> Result<Value, Failure> {
        let found = guard(&self.values).get(name).and_then(|value| value.get(field)).cloned();
        found.ok_or_else(|| Failure::new(format_args!("{name} with {field}"), "no such thing yet"))
    }

    pub(super) fn text(&self, name: &str, field: &str) -> Result<String, Failure> {
        let value = self.field(name, field)?;
        value
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Failure::new(format_args!("a text as {field} of {name}"), value))
    }

    pub(super) fn number(&self, name: &str, field: &str) -> Result<i64, Failure> {
        let value = self.field(name, field)?;
        value.as_i64().ok_or_else(|| Failure::new(format_args!("a number as {field} of {name}"), value))
    }

    /// The id of a product, by its name in the story or as it is.
    pub(super) fn product(&self, name: &str) -> String {
        self.text(name, "id").unwrap_or_else(|_| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_through_objects_and_lists() {
        let mut values = Values::default();
        values.set("rows", json!([{ "id": 7 }]));
        assert_eq!(values.at("rows.0.id"), Some(&json!(7)));
        for wrong in ["", "rows.1", "rows.x", "row", "rows.0.id.x"] {
            assert_eq!(values.at(wrong), None, "{wrong}");
        }
        values.set("order", json!({ "id": 1 }));
        values.set_field("order", "page", json!("there"));
        assert_eq!(values.at("order.page"), Some(&json!("there")));
    }
}
