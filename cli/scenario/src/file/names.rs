//! Whether every name in a scenario is one that is known where it stands.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::{Fault, Place, Placed, Scenario, Step, read::suggestion};
use crate::points;

/// Values that there always are: the seed, a word that no other run has, and now, in seconds since 1970.
pub(crate) const ALWAYS: [&str; 3] = ["seed", "run", "now"];
/// The number of the round in a `repeat`.
pub(crate) const ROUND: &str = "round";

type Wrong = (Place, String);

/// What is known at one moment of the story.
struct Known<'a> {
    actors: BTreeSet<&'a str>,
    data: BTreeSet<&'a str>,
    /// What steps have kept, and actors who have arrived.
    kept: BTreeSet<String>,
}

/// # Errors
/// The first name that is unknown, with the place of its step.
pub(super) fn check(scenario: &Scenario) -> Result<(), Wrong> {
    let mut known = Known {
        actors: scenario.actors.names().collect(),
        data: scenario.data.keys().map(String::as_str).collect(),
        kept: ALWAYS.map(str::to_owned).into(),
    };
    scenario.faults.iter().try_for_each(|fault| has_points(fault))?;
    known.steps(&scenario.steps)?;
    for verdict in &scenario.expect {
        known.texts(verdict.place, &verdict.it)?;
    }
    Ok(())
}

impl Known<'_> {
    fn steps(&mut self, steps: &[Placed<Step>]) -> Result<(), Wrong> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &Placed<Step>) -> Result<(), Wrong> {
        let place = step.place;
        match &step.it {
            Step::Register(actor) => {
                self.actor(place, actor)?;
                self.kept.insert(actor.clone());
            }
            Step::LogIn(login) => {
                self.actor(place, &login.actor)?;
                self.kept(place, "account of", login.to.as_ref().unwrap_or(&login.actor))?;
                self.kept.insert(login.actor.clone());
            }
            Step::Fault(fault) => has_points(fault)?,
            Step::Parallel(branches) => branches.iter().try_for_each(|branch| self.steps(branch))?,
            Step::Repeat(repeat) => {
                self.kept.insert(ROUND.to_owned());
                self.steps(&repeat.steps)?;
            }
            other => self.texts(place, other)?,
        }
        Ok(())
    }

    /// Looks at all texts of a step, and takes in what it keeps.
    fn texts(&mut self, place: Place, step: &impl Serialize) -> Result<(), Wrong> {
        let step = serde_json::to_value(step).map_err(|error| (place, error.to_string()))?;
        self.references(place, &step)?;
        let Some(fields) = step.as_object().and_then(|kinds| kinds.values().next()?.as_object()) else { return Ok(()) };
        for (field, value) in fields {
            match (field.as_str(), value.as_str()) {
                ("by" | "to", Some(actor)) if !UPSTREAMS.contains(&actor) => {
                    self.actor(place, actor)?;
                    self.kept(place, "account of", actor)?;
                }
                ("order", Some(name)) => self.kept(place, "order", name)?,
                ("basket", Some(name)) if !self.data.contains(name) => {
                    return Err(unknown(place, "data", name, &self.data.iter().collect::<Vec<_>>()));
                }
                _ => {}
            }
        }
        self.kept.extend(fields.get("as").and_then(|name| Some(name.as_str()?.to_owned())));
        Ok(())
    }

    /// Everything that stands as `${…}` in a text.
    fn references(&self, place: Place, value: &Value) -> Result<(), Wrong> {
        match value {
            Value::String(text) => references(text).try_for_each(|name| {
                let known: Vec<&str> = self.kept.iter().map(String::as_str).chain(self.data.iter().copied()).collect();
                let yet = format!("{name}{}", suggestion(name, &known));
                if known.contains(&name) { Ok(()) } else { Err((place, format!("there is no value {yet}"))) }
            }),
            Value::Array(all) => all.iter().try_for_each(|one| self.references(place, one)),
            Value::Object(fields) => fields.values().try_for_each(|value| self.references(place, value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    fn actor(&self, place: Place, name: &str) -> Result<(), Wrong> {
        let known: Vec<&&str> = self.actors.iter().collect();
        if self.actors.contains(name) { Ok(()) } else { Err(unknown(place, "actor", name, &known)) }
    }

    fn kept(&self, place: Place, what: &str, name: &str) -> Result<(), Wrong> {
        if self.kept.contains(name) { Ok(()) } else { Err((place, format!("there is no {what} {name} yet"))) }
    }
}

/// What is to happen at a point that no service comes to never happens, and nobody would notice.
fn has_points(fault: &Fault) -> Result<(), Wrong> {
    let Fault::Point(point) = fault else { return Ok(()) };
    let known = points::of(&point.on);
    if known.is_empty() {
        return Err(unknown(point.on.place, "service with points called", &point.on, &points::services()));
    }
    match known.contains(&point.at.as_str()) {
        true => Ok(()),
        false => Err(unknown(point.at.place, &format!("point of {} called", *point.on), &point.at, &known)),
    }
}

/// They stand in a field that has actors elsewhere.
const UPSTREAMS: [&str; 3] = ["gateway", "product", "payment"];

fn unknown(place: Place, what: &str, name: &str, known: &[impl AsRef<str>]) -> Wrong {
    (place, format!("there is no {what} {name}{}", suggestion(name, known)))
}

/// The names that begin the `${…}` of a text.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(path, _)| path.split('.').next().unwrap_or(path))
}
