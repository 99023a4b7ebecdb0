//! What a story's steps came to.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use serde::Serialize;

/// What should have been, and what was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub expected: String,
    pub observed: String,
}

impl Failure {
    pub fn new(expected: impl Display, observed: impl Display) -> Self {
        Self { expected: expected.to_string(), observed: observed.to_string() }
    }
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// All that it claims was so.
    Held {
        detail: String,
    },
    Failed {
        expected: String,
        observed: String,
    },
}

/// One step of a story.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    pub name: String,
    pub seconds: f64,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A whole story, with the steps in the order they were made.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub story: String,
    /// No step failed.
    pub held: bool,
    pub seconds: f64,
    /// Of the order that was made, if it came to that.
    pub order_id: Option<i64>,
    pub steps: Vec<Step>,
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
            Err(Failure { expected, observed }) => (Err(Stopped), Outcome::Failed { expected, observed }),
        };
        let step = Step { name: name.to_owned(), seconds: began.elapsed().as_secs_f64(), outcome };
        (self.show)(&step);
        self.steps.push(step);
        value
    }

    pub(crate) fn report(self, order_id: Option<i64>) -> Report {
        Report {
            story: self.story.to_owned(),
            held: self.steps.iter().all(|step| matches!(step.outcome, Outcome::Held { .. })),
            seconds: self.began.elapsed().as_secs_f64(),
            order_id,
            steps: self.steps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_story_holds_only_if_every_step_did() {
        let mut shown = Vec::new();
        let mut show = |step: &Step| shown.push(step.name.clone());
        let mut recorder = Recorder::new("a story", &mut show);
        assert_eq!(recorder.step("one", SOON, async { Ok((1, "fine".into())) }).await, Ok(1));
        let wrong = async { same("a status of", &"PAID", &"PENDING").map(|()| ((), String::new())) };
        assert_eq!(recorder.step("two", SOON, wrong).await, Err(Stopped));
        let report = recorder.report(None);
        assert!(!report.held);
        let json = serde_json::to_value(&report.steps[1]).expect("it has a JSON form");
        assert_eq!(json["outcome"], "failed");
        assert_eq!(json["expected"], "a status of \"PAID\"");
        assert_eq!(json["observed"], "\"PENDING\"");
        assert_eq!(shown, ["one", "two"]);
    }

    #[tokio::test]
    async fn a_step_that_never_ends_fails_at_its_deadline() {
        let mut show = |_: &Step| {};
        let mut recorder = Recorder::new("a story", &mut show);
        let never = std::future::pending::<Result<((), String), Failure>>();
        assert_eq!(recorder.step("never", Duration::from_millis(10), never).await, Err(Stopped));
        assert!(!recorder.report(None).held);
    }
}
