//! What a story's steps came to.

mod diff;
pub mod github;
mod html;
mod junit;
mod suite;
#[cfg(test)]
mod tests;
mod text;

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::Serialize;

pub use diff::diff;
pub use html::html;
pub use junit::junit;
pub use suite::{Part, Played, Skipped, Suite, schema};
pub use text::details as text;

/// What should have been, and what was.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub expected: String,
    pub observed: String,
    /// What was seen before, where it was looked for more than once.
    pub history: Vec<Sight>,
}

impl Failure {
    pub fn new(expected: impl Display, observed: impl Display) -> Self {
        Self { expected: expected.to_string(), observed: observed.to_string(), history: Vec::new() }
    }
}

/// What was seen at one moment, where that was something else than the moment before.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Sight {
    /// Since it was looked for.
    pub seconds: f64,
    pub seen: String,
}

/// Ok if both are the same; `what` names them.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, observed: &T) -> Result<(), Failure> {
    if expected == observed {
        return Ok(());
    }
    Err(Failure::new(format_args!("{what} {expected:?}"), format_args!("{observed:?}")))
}

/// Turns an error into an observation.
pub(crate) trait Expect<T> {
    fn expect_that(self, expected: &str) -> Result<T, Failure>;
}

impl<T, E: Display> Expect<T> for Result<T, E> {
    fn expect_that(self, expected: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(expected, error))
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// All that it claims was so.
    Held { detail: String },
    Failed {
        expected: String,
        observed: String,
        /// What was seen meanwhile, where it was waited for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        history: Vec<Sight>,
    },
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        let Failure { expected, observed, history } = failure;
        Self::Failed { expected, observed, history }
    }
}

/// One step of a story.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Step {
    pub name: String,
    /// Where it stands in its file, if it comes from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    pub seconds: f64,
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Step {
    /// Whether all that it claims was so.
    #[must_use]
    pub fn held(&self) -> bool {
        match self.outcome {
            Outcome::Held { .. } => true,
            Outcome::Failed { .. } => false,
        }
    }
}

/// A whole story, with the steps in the order they ended.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    pub story: String,
    /// The scenario's file, if it was played from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What its data were drawn by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// No step failed.
    pub held: bool,
    pub seconds: f64,
    /// Of the order that was made, if it came to that.
    pub order_id: Option<i64>,
    /// Ids of all orders that were made.
    #[serde(skip)]
    pub orders: Vec<i64>,
    pub steps: Vec<Step>,
    /// Of its orders, where something failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timelines: Vec<Timeline>,
    /// Keys of records that the story itself has published: nothing has to follow from them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<String>,
}

/// What happened to one order, from all that know of it, by time.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Timeline {
    pub order_id: i64,
    pub moments: Vec<Moment>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Moment {
    /// Since the story began.
    pub seconds: f64,
    /// Who knows of it: a database, a topic, the story.
    pub source: String,
    pub what: String,
}

/// A step before this one failed, so the story cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

/// Makes the steps and keeps their outcomes.
pub(crate) struct Recorder<'a> {
    story: &'static str,
    began: Instant,
    steps: Vec<Step>,
    show: &'a mut dyn FnMut(&Step),
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(story: &'static str, show: &'a mut dyn FnMut(&Step)) -> Self {
        Self { story, began: Instant::now(), steps: Vec::new(), show }
    }

    /// Makes one step; its work answers with a value for the steps after it and with what is worth telling.
    pub(crate) async fn step<T>(
        &mut self,
        name: &str,
        deadline: Duration,
        work: impl Future<Output = Result<(T, String), Failure>>,
    ) -> Result<T, Stopped> {
        let began = Instant::now();
        let ended = tokio::time::timeout(deadline, work).await;
        let ended = ended.unwrap_or_else(|_| Err(Failure::new("an end", format_args!("none within {deadline:?}"))));
        let (value, outcome) = match ended {
            Ok((value, detail)) => (Ok(value), Outcome::Held { detail }),
            Err(failure) => (Err(Stopped), failure.into()),
        };
        let step = Step { name: name.to_owned(), line: None, seconds: began.elapsed().as_secs_f64(), outcome };
        (self.show)(&step);
        self.steps.push(step);
        value
    }

    pub(crate) fn report(self, order_id: Option<i64>) -> Report {
        Report {
            story: self.story.to_owned(),
            file: None,
            seed: None,
            held: self.steps.iter().all(Step::held),
            seconds: self.began.elapsed().as_secs_f64(),
            order_id,
            orders: order_id.into_iter().collect(),
            steps: self.steps,
            timelines: Vec::new(),
            foreign: Vec::new(),
        }
    }
}
