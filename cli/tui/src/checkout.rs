//! A scripted checkout and its steps, as data. Somebody else plays it.

/// What is told of it.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    Began,
    Step(Step),
    /// `Err`: it could not even begin.
    Ended(Result<Report, String>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub name: String,
    pub seconds: f64,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Held { detail: String },
    Failed { expected: String, observed: String },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub held: bool,
    pub seconds: f64,
    pub order: Option<i64>,
}

#[derive(Debug, Default)]
pub(crate) struct Checkout {
    pub(crate) steps: Vec<Step>,
    pub(crate) runs: bool,
    pub(crate) end: Option<Result<Report, String>>,
}

impl Checkout {
    pub(crate) fn take(&mut self, news: News) {
        match news {
            News::Began => *self = Self { runs: true, ..Self::default() },
            News::Step(step) => self.steps.push(step),
            News::Ended(end) => (self.runs, self.end) = (false, Some(end)),
        }
    }
}
