//! Reads a JSON object field by field and collects everything that is wrong with it, not only the first thing.

use serde_json::{Map, Value, json};

use super::issue::{Issue, Problem, Step};

/// An object that is being read.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    whole: &'a Value,
    location: Vec<Step>,
    issues: &'a mut Vec<Issue>,
}

impl<'a> Fields<'a> {
    /// `None`, with the issue noted, if `value` is no object.
    pub(super) fn of(value: &'a Value, location: Vec<Step>, issues: &'a mut Vec<Issue>) -> Option<Self> {
        let Some(object) = value.as_object() else {
            issues.push(not_an_object().at(&location, value.clone()));
            return None;
        };
        Some(Self { object, whole: value, location, issues })
    }

    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Value) -> Result<T, Problem>,
    ) -> Option<T> {
        let value = self.required_value(name)?;
        self.checked(name, value, read(value))
    }

    /// `Some(None)` if it is absent or null.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Value) -> Result<T, Problem>,
    ) -> Option<Option<T>> {
        match self.object.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.checked(name, value, read(value)).map(Some),
        }
    }

    /// A list of up to `most` elements; `None`, with every issue noted, unless all are right.
    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        most: usize,
        mut read: impl FnMut(&Value, Vec<Step>, &mut Vec<Issue>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = self.required_value(name)?;
        let values = match value.as_array() {
            Some(list) if list.len() > most => Err(too_long(most, list.len())),
            Some(list) => Ok(list),
            None => Err(Problem::new("list_type", "Input should be a valid list")),
        };
        let values = self.checked(name, value, values)?;
        let location = self.at(name);
        let read: Vec<Option<T>> = values
            .iter()
            .enumerate()
            .map(|(index, value)| {
                let location = location.iter().cloned().chain([Step::Index(index)]).collect();
                read(value, location, self.issues)
            })
            .collect();
        read.into_iter().collect()
    }

    fn required_value(&mut self, name: &'static str) -> Option<&'a Value> {
        let value = self.object.get(name);
        if value.is_none() {
            let location = self.at(name);
            self.issues.push(Problem::missing().at(&location, self.whole.clone()));
        }
        value
    }

    fn checked<T>(&mut self, name: &'static str, value: &Value, read: Result<T, Problem>) -> Option<T> {
        read.map_err(|problem| {
            let location = self.at(name);
            self.issues.push(problem.at(&location, value.clone()));
        })
        .ok()
    }

    fn at(&self, name: &'static str) -> Vec<Step> {
        self.location.iter().cloned().chain([Step::Name(name)]).collect()
    }
}

pub(super) fn not_an_object() -> Problem {
    Problem::new("model_attributes_type", "Input should be a valid dictionary or object to extract fields from")
}

fn too_long(most: usize, length: usize) -> Problem {
    let message = format!("List should have at most {most} items after validation, not {length}");
    Problem::new("too_long", message).with(json!({"field_type": "List", "max_length": most, "actual_length": length}))
}
